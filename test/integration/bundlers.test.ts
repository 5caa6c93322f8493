/*
 * The guide page about bundlers, with all four of them. Its commands are run as they stand, and once more without the
 * part that marks this library external.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { addressOf } from '../helpers/command.js';
import { Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { PACE } from '../helpers/pace.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';

keepHosts();

const page = readFileSync(join(PROJECT, 'docs/guide/bundling.md'), 'utf8');
/** The server and the config of webpack, by their names. */
const FILES = new Map(
  [...page.matchAll(/```js\n\/\/ ([\w.]+)\n(.*?)```/gs)].map(([, name = '', code = '']) => [name, code]),
);
const COMMANDS = [...page.matchAll(/^npx (.*)$/gm)].map(([, command = '']) => command);

/** What each bundler writes, and the part of its command that marks this library external. */
const BUNDLES = [
  ['esbuild, ES module', 'esbuild/server.mjs', '--external:prefork'],
  ['esbuild, CommonJS', 'esbuild/server.cjs', '--external:prefork'],
  ['webpack', 'webpack/server.cjs', "externals: { prefork: 'commonjs prefork' }"],
  ['ncc', 'ncc/index.mjs', '--external prefork'],
] as const;

/** One module with everything, so that a bundler has less to do: a server, an application and a worker class. */
const ALL_IN_ONE = `
import { Arbiter, SyncWorker, worker } from 'prefork';
export const app = (request, response) =>
  response.end(JSON.stringify([Arbiter.isWorker, worker?.name, worker?.id, worker?.thread]));
export class Own extends SyncWorker {}
if (!Arbiter.isWorker) new Arbiter({ app, bind: '127.0.0.1:0', workers: 1 });
`;

// The folder is inside the package, so that the package's name means this package to the bundlers and to their output.
const work = mkdtempSync(join(PROJECT, 'dist-test/bundles-'));
const [external, whole] = ['external', 'whole'].map((name) => join(work, name)) as [string, string];
after(() => rmSync(work, { recursive: true, force: true }));

/** Writes the files into the folder and runs the command of each bundler there. */
async function bundle(folder: string, files: ReadonlyMap<string, string>, commands: readonly string[]): Promise<void> {
  mkdirSync(folder);
  for (const [name, code] of files) writeFileSync(join(folder, name), code);
  writeFileSync(
    join(folder, 'webpack.mjs'),
    `import webpack from 'webpack';
     import config from './webpack.config.mjs';
     const done = (error, stats) => { if (error || stats.hasErrors()) throw error ?? new Error(stats.toString()); };
     // To make it small takes as long as all else here.
     const output = { ...config.output, library: { type: 'commonjs2' } };
     webpack({ ...config, output, optimization: { minimize: false } }, done);`,
  );
  const run = (file: string, args: readonly string[]) =>
    promisify(execFile)(file, args, { cwd: folder, timeout: 240_000 });
  for (const command of commands) {
    const [program = '', ...args] = command.split(' ');
    await run(join(PROJECT, 'node_modules/.bin', program), args);
  }
  await run(process.execPath, ['webpack.mjs']);
}

before(async () => {
  assert.equal(COMMANDS.length, 3);
  await bundle(external, FILES, COMMANDS);
  const without = (text: string): string =>
    BUNDLES.reduce((all, [, , mark]) => all.replaceAll(`${mark},`, '').replaceAll(mark, ''), text).trim();
  const files = new Map([...FILES].map(([name, code]) => [name, without(code)]));
  assert.notDeepEqual(files, FILES);
  await bundle(
    whole,
    files.set('server.mjs', ALL_IN_ONE),
    COMMANDS.map((command) => without(command).replaceAll(/ +/g, ' ')),
  );
});

for (const [bundler, path, mark] of BUNDLES) {
  test(`${bundler}: with this library external, the bundle serves`, async (t) => {
    const program = new Program(t, process.execPath, [join(external, path)], { env: { ...process.env, ...PACE } });
    await program.printed(/"msg":"ready: /);
    assert.equal((await get(await addressOf(program))).body, 'hello from worker 1\n');
    process.kill(program.pid, 'SIGTERM');
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
    assert.doesNotMatch(program.output, /warning/i);
  });

  test(`${bundler}: with this library bundled, the constructor says what to do`, async (t) => {
    const program = new Program(t, process.execPath, [join(whole, path)]);
    assert.deepEqual(await program.exited(), { code: 1, signal: null });
    const { output } = program;
    assert.match(output, /code: 'ERR_BUNDLED'/);
    assert.ok(output.includes(`prefork runs from ${join(whole, path)},`), output);
    assert.ok(output.includes(mark), output);
  });
}

for (const workerClass of ['sync', 'threaded']) {
  test(`a bundled application finds the worker that it is in, ${workerClass}`, async (t) => {
    for (const [bundler, path] of BUNDLES) {
      const options = { name: bundler, app: `${join(whole, path)}#app`, workerClass, workers: 1 };
      const host = new Host(t, { ...options, ...(workerClass === 'threaded' && { threads: 1 }) });
      const { body } = await get(await host.ready());
      assert.deepEqual(JSON.parse(body), [true, bundler, 1, workerClass === 'threaded' ? 1 : 0], bundler);
      await host.call('stop');
    }
  });
}

test('a worker class that extends a bundled one is refused', async (t) => {
  const host = new Host(t, { workerClass: `${join(whole, 'esbuild/server.mjs')}#Own`, workers: 1 });
  const [{ message }] = await host.event('rejected');
  assert.match(message, /worker class Own extends a class of another copy of prefork.* mark prefork external/);
});
