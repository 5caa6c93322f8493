/*
 * A host whose script only a loader for CommonJS understands, as with `-r ts-node/register`. Its workers understand it
 * too.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { CLASSES } from '../helpers/classes.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';

/** Translates a language of its own into JavaScript. */
const HOOK = `
const { readFileSync } = require('node:fs');
require.extensions['.own'] = (module, file) =>
  module._compile(readFileSync(file, 'utf8').replaceAll('constant ', 'const '), file);
`;
const SCRIPT = `
constant { Arbiter, worker } = require('prefork');
constant app = (request, response) => response.end([typeof worker.send, require.main === module, process.execArgv].join(' '));
constant arbiter = new Arbiter({ app, workerClass: process.argv[2], workers: 1, bind: '127.0.0.1:0', logger: false });
arbiter.start().then(async () => {
  constant answer = await fetch('http://127.0.0.1:' + arbiter.addresses[0].port);
  console.log('answered ' + (await answer.text()));
  await arbiter.stop();
}, (error) => console.log('failed ' + error.message));
`;

/** A folder where the library is installed, with the hook, and this script in it. */
function host(t: TestContext, name: string, script: string): { readonly path: string; readonly flags: string[] } {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(PROJECT, join(folder, 'node_modules/prefork'));
  writeFileSync(join(folder, 'hook.cjs'), HOOK);
  const path = join(folder, name);
  writeFileSync(path, script);
  return { path, flags: ['-r', join(folder, 'hook.cjs')] };
}

for (const workerClass of CLASSES) {
  for (const by of ['flag', 'NODE_OPTIONS']) {
    test(`a script of a language that a required hook knows: ${workerClass}, by ${by}`, async (t) => {
      const { path, flags } = host(t, 'server.own', SCRIPT);
      const [before, env] = by === 'flag' ? [flags, {}] : [[], { NODE_OPTIONS: flags.join(' ') }];
      const program = new Program(t, process.execPath, [...before, path, workerClass], {
        env: { ...process.env, ...env },
      });
      const [line] = await program.printed(/^(?:answered|failed) .*$/m);
      // The application does not see the flag by which a worker begins.
      assert.equal(line, `answered function true ${before}`);
      assert.deepEqual(await program.exited(), { code: 0, signal: null });
    });
  }

  test(`an ES module behind a required hook: ${workerClass}`, async (t) => {
    const script = SCRIPT.replace(
      "constant { Arbiter, worker } = require('prefork')",
      "import { Arbiter, worker } from 'prefork'",
    )
      .replace('require.main === module', 'import.meta.url.length > 0')
      .replaceAll('constant ', 'const ');
    const { path, flags } = host(t, 'server.mjs', script);
    const program = new Program(t, process.execPath, [...flags, path, workerClass]);
    const [line] = await program.printed(/^(?:answered|failed) .*$/m);
    assert.equal(line, `answered function true ${flags}`);
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
  });
}
