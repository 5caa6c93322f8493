import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../../../build/cli/command-line.js';
import { helpText } from '../../../build/cli/help.js';
import { SETTINGS } from '../../../build/cli/settings.js';

test('the command, what it is for, and what follows', () => {
  const of = (text: string) => {
    const { command, target, rest } = readCommandLine(text.split(' ').filter(Boolean));
    return [command, target, ...rest];
  };
  assert.deepEqual(of(''), ['serve', undefined]);
  assert.deepEqual(of('./app.js -w 2'), ['serve', './app.js']);
  assert.deepEqual(of('-w 2 ./app.js'), ['serve', './app.js']);
  assert.deepEqual(of('-- run'), ['serve', 'run']);
  assert.deepEqual(of('./run'), ['serve', './run']);
  assert.deepEqual(of('-w 2 run -b :0 server.js -w --port 3 run'), ['run', 'server.js', '-w', '--port', '3', 'run']);
  assert.deepEqual(of('run run'), ['run', 'run']);
  assert.deepEqual(of('run -- -server.js x'), ['run', '-server.js', 'x']);
  assert.deepEqual(of('doctor -w 3 ./app.js'), ['doctor', './app.js']);
});

test('the help has every flag, in 80 columns', () => {
  const help = helpText();
  for (const line of help.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  for (const { flag, short } of SETTINGS) {
    assert.match(help, new RegExp(`^  ${short ? `${short}, ` : '    '}${flag}(?![\\w-])`, 'm'), flag);
  }
  assert.doesNotMatch(help, /[`*]|\[object|\{@link/);
});

test('docs/guide/flags.md is what the records make it', () => {
  const docs = fileURLToPath(new URL('../../../docs/', import.meta.url));
  const made = execFileSync(process.execPath, [join(docs, 'flags-page.mjs')], { encoding: 'utf8' });
  assert.ok(made === readFileSync(join(docs, 'guide/flags.md'), 'utf8'), 'stale: npm run docs:options');
});
