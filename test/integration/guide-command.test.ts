/*
 * The page of the command, tried as in a terminal: a shell runs each `$` line in one folder, in order, and prints what
 * the page says.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { COMMAND } from '../helpers/command.js';
import { PROJECT } from '../helpers/project.js';

const page = readFileSync(join(PROJECT, 'docs/guide/command.md'), 'utf8');
const FILE = /```js\n\/\/ (?<file>[\w.-]+)\n(?<code>.*?)```\n/gs;
const SESSION = /```console\n(?<lines>.*?)```\n/gs;

test('guide/command.md: a terminal prints what the page says', async (t) => {
  // Inside the package, so that `prefork` is found as it is for a user.
  const folder = mkdtempSync(join(PROJECT, 'dist-test/shell-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'npx'), '#!/bin/sh\nshift\nexec "$NODE" "$COMMAND" "$@"\n', { mode: 0o755 });
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(COMMAND, join(folder, 'node_modules/.bin/prefork'));
  symlinkSync(process.execPath, join(bin, 'node'));
  const parts = [...page.matchAll(/```(?:js|console)\n.*?```\n/gs)].map(([text]) => text);
  let sessions = 0;
  for (const part of parts) {
    const [file] = [...part.matchAll(FILE)];
    if (file?.groups) writeFileSync(join(folder, file.groups['file'] as string), file.groups['code'] as string);
    const [session] = [...part.matchAll(SESSION)];
    if (!session?.groups) continue;
    sessions++;
    const lines = (session.groups['lines'] as string).split('\n');
    const script = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
    const expected = lines.filter((line) => !line.startsWith('$ ')).join('\n');
    const env = { ...process.env, NODE: process.execPath, COMMAND, PATH: `${bin}:${process.env['PATH']}`, PWD: folder };
    // An exit code other than 0 is part of some examples.
    const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-c', script.join('\n')], {
      ...{ cwd: folder, env, timeout: 120_000 },
    }).catch((error) => error);
    assert.equal(stdout + stderr, expected, script.join('\n'));
  }
  assert.ok(sessions >= 5, `${sessions} sessions`);
});
