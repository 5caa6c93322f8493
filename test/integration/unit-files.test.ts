import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../helpers/place.js';

const EXAMPLES = fileURLToPath(new URL('../../docs/examples/', import.meta.url));
const read = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');

const analyze = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
const version = Number(/^systemd (\d+)/.exec(analyze.stdout ?? '')?.[1] ?? 0);
const skip = version === 0 && 'the program systemd-analyze is not installed';

/** What systemd says about the two units, with this service. */
function verify(t: TestContext, service: string): { readonly status: number | null; readonly output: string } {
  const folder = temporaryFolder(t);
  // systemd looks for the programs that are named, and node is not everywhere in the same place.
  const here = service.replace('/usr/bin/node', process.execPath).replace('/srv/app\n', `${folder}\n`);
  assert.notEqual(here, service);
  writeFileSync(join(folder, 'prefork.service'), here);
  writeFileSync(join(folder, 'prefork.socket'), read('prefork.socket'));
  const files = ['prefork.service', 'prefork.socket'].map((name) => join(folder, name));
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], {
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

test('unit_file_verified', { skip }, (t) => {
  assert.deepEqual(verify(t, read('prefork.service')), { status: 0, output: '' });
});

test('unit_file_verified: one worker that is killed for memory does not stop the service', { skip }, (t) => {
  const service = read('prefork.service');
  assert.match(service, /^OOMPolicy=continue$/m);
  // The wrong value shows that systemd reads the line.
  assert.match(verify(t, service.replace('OOMPolicy=continue', 'OOMPolicy=never')).output, /OOM ?policy/i);
});

test('unit_file_verified: a mistake would be found', { skip }, (t) => {
  const { output } = verify(t, read('prefork.service').replace('NotifyAccess=all', 'NotifyAccess=some'));
  assert.match(output, /notify ?access/i);
});

test('unit_file_verified: with the reload of systemd 253', {
  skip: skip || (version < 253 && `systemd ${version}`),
}, (t) => {
  const service = read('prefork.service')
    .replace(/^(?:Type=notify|ExecReload=.*)\n/gm, '')
    .replace('#Type=notify-reload', 'Type=notify-reload');
  assert.match(service, /^Type=notify-reload$/m);
  assert.deepEqual(verify(t, service), { status: 0, output: '' });
});
