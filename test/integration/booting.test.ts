import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Arbiter } from 'prefork';
import { CLASSES } from '../helpers/classes.js';
import { alive, fixture, Host, type HostSettings } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';

type Options = ConstructorParameters<typeof Host>[1];
interface Failure {
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
  readonly cause?: { name: string; message: string; stack: string; code?: string; cause?: { message: string } };
}

/** Has all workers fail to boot, and asserts what is the same for every way to fail. */
async function failsToBoot(
  t: test.TestContext,
  { workers = 3, ...options }: Options,
  settings?: HostSettings,
): Promise<Failure> {
  const path = join(temporaryFolder(t), 'socket');
  const host = new Host(t, { workers, bind: ['127.0.0.1:0', { path }], ...options }, settings);
  const [error] = await host.event('rejected');
  assert.deepEqual(await host.exited(), { code: error.exitCode, signal: null });
  assert.equal(host.of('rejected').length, 1);
  assert.equal(host.of('ready').length, 0);
  assert.equal(host.of('stopped').length, 1);
  // Only one worker is reported, whatever the others would have said. All workers have been reaped.
  assert.equal(host.of('worker:error').length, 1);
  assert.equal(host.of('error').length, 0);
  assert.equal(host.of('worker:spawn').length, workers);
  assert.equal(host.of('worker:exit').length, workers);
  assert.equal(host.of('worker:backoff').length, 0);
  assert.deepEqual(host.workerPids.filter(alive), []);
  assert.equal(existsSync(path), false);
  return error;
}

test('boot_failure_all_workers_one_error', async (t) => {
  const error = await failsToBoot(t, { workers: 8, app: fixture('throws-at-load.js') });
  assert.equal(error.code, 'ERR_APP_LOAD');
  assert.equal(error.exitCode, 4);
  assert.equal(error.cause?.name, 'ConfigurationError');
  assert.equal(error.cause.message, 'DATABASE_URL is not set');
  assert.equal(error.cause.code, 'NO_DATABASE');
  assert.equal(error.cause.cause?.message, 'the reason below');
  assert.match(error.cause.stack, /at readConfiguration .*throws-at-load\.js/);
});

for (const [what, app, message] of [
  ['a missing module', fixture('missing.js'), /missing\.js/],
  ['a missing package', 'no-such-package-anywhere', /no-such-package-anywhere/],
  ['a missing export', `${fixture('app.js')}#absent`, /no export 'absent'/],
  ['an export that is no handler', fixture('not-a-function.js'), /port: 8000/],
  ['a Fastify plugin that fails', fixture('fastify-with-a-broken-plugin.js'), /^the plugin is broken$/],
  ['a server that listens itself', fixture('listens-itself.js'), /got one that listens already/],
] as const) {
  test(`boot failure: ${what}`, async (t) => {
    const error = await failsToBoot(t, { app });
    assert.equal(error.code, 'ERR_APP_LOAD');
    assert.equal(error.exitCode, 4);
    assert.match(error.cause?.message ?? '', message);
  });
}

for (const [name, message] of [
  ['NoRun', /^expected a subclass of Worker .*#NoRun', got .*: it has no run\(\)$/],
  ['NoStop', /^expected a subclass of Worker .*#NoStop', got .*: it has no stop\(\)$/],
  ['NoOptions', /^NoOptions: capacity: expected an integer of at least 1, got undefined$/],
  ['NotANumber', /^NotANumber: capacity: expected an integer of at least 1, got NaN$/],
  ['NoPlace', /^NoPlace: capacity: expected an integer of at least 1, got 0$/],
  ['NoListener', /^NoListener: onConnection of createAcceptor\(\): expected a function, got undefined$/],
  [
    'NeverBegins',
    /^the process ended with exit code 0 before it served: nothing was left .* in init\(\) or run\(\) of a worker class /,
  ],
  ['NeverRuns', /^the process ended with exit code 0 before it served: nothing was left /],
  [
    'TwoAcceptors',
    /^TwoAcceptors: createAcceptor\(\) was called before: a worker has one acceptor, for all addresses$/,
  ],
  ['NoCapacity', /^NoCapacity: capacity: expected an integer of at least 1, got undefined$/],
] as const) {
  test(`boot failure: a worker class that could not serve, or not end: ${name}`, async (t) => {
    const error = await failsToBoot(t, { workerClass: `${fixture('incomplete-workers.js')}#${name}` });
    assert.match(error.cause?.message ?? error.message, message);
  });
}

for (const [what, env, message] of [
  ['exits with 7', { CODE: '7' }, /code 7/],
  ['exits with 0', { CODE: '0' }, /code 0/],
  ['is killed', { SIGNAL: 'SIGKILL' }, /SIGKILL/],
] as const) {
  test(`boot failure: a worker that ${what} before it is ready`, async (t) => {
    const error = await failsToBoot(t, { app: fixture('ends-at-load.js') }, { env });
    assert.equal(error.code, 'ERR_WORKER_BOOT', error.message);
    assert.equal(error.exitCode, 3);
    assert.match(error.message, message);
  });
}

for (const workerClass of CLASSES) {
  test(`boot failure: a module that waits for what never comes: ${workerClass}`, async (t) => {
    const error = await failsToBoot(t, { app: fixture('never-loads.js'), workerClass });
    assert.equal(error.code, 'ERR_WORKER_BOOT', error.message);
    assert.match(error.message, /ended with exit code 0 before it served: nothing was left that could have gone on/);
  });
}

test('boot failure: an inline application that is promised and never comes', async (t) => {
  const program = new Program(t, process.execPath, [fixture('never-comes.js')]);
  const [line] = await program.printed(/^\{.*\}$/m);
  const { code, message } = JSON.parse(line);
  assert.equal(code, 'ERR_WORKER_BOOT');
  assert.match(message, /ended with exit code \d+ before it served: nothing was left that could have gone on/);
});

test('boot failure: workers that cannot be started at all are told by the option that is wrong', async (t) => {
  const place = temporaryFolder(t);
  const file = join(place, 'file');
  writeFileSync(file, '');
  for (const [options, says] of [
    [{ cwd: join(place, 'gone') }, `${join(place, 'gone')}, the 'cwd' of the workers, does not exist`],
    [{ cwd: file }, `${file}, the 'cwd' of the workers, is no directory`],
    [{ cwd: join(file, 'below') }, `${join(file, 'below')}, the 'cwd' of the workers, does not exist`],
    [
      { execArgv: ['--require', './no-such-module.cjs'] },
      "ended with exit code 1 before it was ready (it left no word: see 'execArgv', NODE_OPTIONS",
    ],
    [
      { execArgv: ['--no-such-flag-of-node'] },
      "ended with exit code 9 before it was ready (node did not take a flag: see 'execArgv', NODE_OPTIONS",
    ],
  ] as const) {
    const host = new Host(t, { workers: 1, ...options });
    const [error] = await host.event('rejected');
    assert.equal(error.code, 'ERR_WORKER_BOOT');
    assert.ok(error.message.includes(says), error.message);
  }
});

test('boot failure: a worker that is not ready in time', async (t) => {
  const gate = await createLoadGate(t);
  const options = { app: fixture('waits-to-load.js'), bootTimeout: 500 };
  const error = await failsToBoot(t, options, { env: gate.env });
  assert.equal(error.code, 'ERR_BOOT_TIMEOUT');
  assert.equal(error.exitCode, 3);
  assert.match(error.message, /500 ms/);
});

test('boot failure: the program that embeds gets one rejection and its process back as it was', async () => {
  const listeners = (): number[] => ['SIGTERM', 'SIGINT', 'exit'].map((name) => process.listenerCount(name));
  const before = { listeners: listeners(), title: process.title };
  const arbiter = new Arbiter({ app: fixture('throws-at-load.js'), workers: 2, bind: '127.0.0.1:0' });
  await assert.rejects(arbiter.run(), { name: 'ArbiterError', code: 'ERR_APP_LOAD', exitCode: 4 });
  assert.equal(arbiter.state, 'stopped');
  assert.deepEqual([arbiter.workers, arbiter.addresses], [[], []]);
  assert.deepEqual({ listeners: listeners(), title: process.title }, before);
  await assert.rejects(arbiter.start(), { code: 'ERR_STATE' });
});

test('a replacement that fails to boot does not end what serves', async (t) => {
  const broken = join(temporaryFolder(t), 'broken');
  const host = new Host(t, { app: fixture('broken-while.js') }, { env: { BROKEN: broken } });
  const url = await host.ready();
  const [victim, other] = await host.workers();
  writeFileSync(broken, '');
  process.kill(victim?.pid as number, 'SIGKILL');
  // After its second failure in a row, this slot waits.
  const [worker, error] = await host.event('worker:error');
  assert.deepEqual([worker.id, error.code], [victim?.id, 'ERR_APP_LOAD']);
  assert.equal(error.cause.message, 'the deploy is broken');
  const [id, { failures }] = await host.event('worker:backoff');
  assert.deepEqual([id, failures], [victim?.id, 2]);
  assert.equal((await get(`${url}/pid`)).body, String(other?.pid));
  assert.equal(await host.call('state'), 'running');
  rmSync(broken);
  await host.event('worker:ready', ({ age }) => age > 2);
  assert.equal(host.of('rejected').length + host.of('stopped').length, 0);
  assert.equal((await host.workers()).length, 2);
});

test('a crash loop after readiness backs off, and recovers', async (t) => {
  const host = new Host(t, { workers: 1 });
  const url = await host.ready();
  // The socket outlives the worker: each request waits for the next worker.
  for (let crashes = 1; !host.of('worker:backoff').some(({ args: [, { failures }] }) => failures >= 5); crashes++) {
    assert.ok(crashes <= 20, host.log);
    assert.equal((await get(`${url}/exit?code=9`)).status, 500);
    await host.until(() => host.of('worker:exit').length === crashes, `exit ${crashes}`);
  }
  const exits = host.of('worker:exit').map(({ args: [, exit] }) => exit);
  for (const { code, signal, reason } of exits) assert.deepEqual([code, signal, reason], [9, null, 'crash']);
  for (const { args } of host.of('worker:backoff')) {
    const [id, { delay, failures }] = args;
    assert.equal(id, 1);
    assert.ok(delay > 0 && delay <= Math.min(7_500, 250 * 2 ** (failures - 2)), JSON.stringify(args));
  }
  assert.equal((await get(`${url}/`)).body, 'hello');
  assert.equal(host.of('worker:spawn').length, exits.length + 1);
  assert.equal(await host.call('state'), 'running');
});
