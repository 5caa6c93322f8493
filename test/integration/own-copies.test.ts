/* Releases that bring their own copies of this library, as `npm ci` in each makes them. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { PROJECT } from '../helpers/project.js';
import { Releases } from '../helpers/releases.js';

const NEEDED = ['eventemitter3', 'signal-exit', 'debug', 'ms'].map((name) => join('node_modules', name));

function install(release: string, version?: string): void {
  const own = join(release, 'node_modules/prefork');
  for (const part of ['dist', 'package.json']) cpSync(join(PROJECT, part), join(own, part), { recursive: true });
  for (const part of NEEDED) cpSync(join(PROJECT, part), join(release, part), { recursive: true });
  if (version === undefined) return;
  const file = join(own, 'package.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version }));
}

const APP = (version: string): string => `
import { worker } from 'prefork';
export default (request, response) => response.end(\`${version} of generation \${worker?.generation}\`);
`;
const SERVER = `
import { Arbiter } from 'prefork';
import app from './app.mjs';
import { drive } from '${pathToFileURL(fixture('drive.js')).href}';
const arbiter = new Arbiter({ ...JSON.parse(process.argv[2]), ...(process.env.INLINE && { app }) });
if (process.send) drive(arbiter);
else await arbiter.run();
`;

for (const form of ['inline', 'module']) {
  test(`symlink_switch: releases with their own copies of the library, ${form}`, async (t) => {
    const releases = new Releases(t);
    const deploy = (name: string, version?: string): void => {
      install(join(releases.folder, name), version);
      releases.release(name, SERVER, 'server.mjs');
      releases.release(name, APP(name));
    };
    deploy('1');
    const script = join(releases.current, 'server.mjs');
    const options = form === 'inline' ? { app: undefined } : { app: './app.mjs', cwd: releases.current };
    const env = form === 'inline' ? { INLINE: '1' } : {};
    const host = new Host(t, { ...options, workers: 1 }, { script, env });
    const url = await host.ready();
    assert.equal((await get(url)).body, '1 of generation 1');
    deploy('2');
    assert.deepEqual(await host.call('reload'), { generation: 2, replaced: 1 });
    assert.equal((await get(url)).body, '2 of generation 2');
    if (form === 'module') return;
    // What a worker and its master say to each other may be different in another version.
    deploy('3', '99.0.0');
    await assert.rejects(host.call('reload'), ({ code, message }: { code: string; message: string }) => {
      assert.equal(code, 'ERR_RELOAD_FAILED');
      assert.match(message, /this process is a worker of another copy, or version, of this library/);
      return true;
    });
    assert.equal((await get(url)).body, '2 of generation 2');
  });
}
