/* An application with SIGTERM handlers of its own: those that Node programs copy most often end the process there. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { CLASSES, type ClassUnderTest, classes, single } from '../helpers/classes.js';
import { DRAINS } from '../helpers/drains.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const app = fixture('term-handlers.js');
const UNHURRIED = 2 ** 31 - 1;

interface Told {
  readonly what: string;
  readonly thread: number;
}
const told = (host: Host): Told[] => host.of('worker:message').map(({ args }) => args[1]);

function start(t: TestContext, gate: Gate, handler: string, options: HostOptions): Host {
  const env = { ...gate.env, TERM_HANDLER: handler };
  return new Host(t, { app, env, gracefulTimeout: UNHURRIED, keepAlive: 1_000, ...options });
}

const WAYS: typeof DRAINS & Record<string, (typeof DRAINS)['TERM']> = {
  ...DRAINS,
  'TERM to the worker': async (host) => void process.kill(host.workerPids[0] as number, 'SIGTERM'),
};

/**
 * The suite tests each way with at least one class, and each class with at least two ways. The class decides when a
 * drain is done, and the master by which order it begins. The long form tests all pairs.
 */
const PAIRS = amount<Readonly<Record<ClassUnderTest['name'], readonly string[]>>>({
  suite: { sync: ['TERM', 'reload'], threaded: ['TERM', 'reload', 'TERM to the worker'], async: ['TERM', 'scale'] },
  long: { sync: Object.keys(WAYS), threaded: Object.keys(WAYS), async: Object.keys(WAYS) },
});
/** Sync and async run handlers in the main thread, and call them in the same way, so one of the two is enough. */
const HANDLERS_OF = amount<readonly string[]>({ suite: ['sync', 'threaded'], long: ['sync', 'threaded', 'async'] });

for (const { name, options } of classes()) {
  for (const [way, order] of Object.entries(WAYS)) {
    if (!PAIRS[name].includes(way)) continue;
    test(`the handler is called when the drain is done: ${name}, ${way}`, async (t) => {
      const gate = await Gate.open(t);
      const host = start(t, gate, 'closes the server, and exits', { workers: 1, ...options });
      const url = await host.ready();
      const { arrival, answer } = await gate.hold(`${url}/held`);
      const pid = host.workerPids[0] as number;
      await order(host, 1);
      const drains = async (): Promise<boolean> =>
        (await host.workers()).some((worker) => worker.pid === pid && worker.state === 'draining');
      await eventually(drains, 'the drain');
      await arrival.settle();
      assert.deepEqual(
        told(host).filter(({ thread }) => thread === arrival.thread),
        [],
        'it was called while a request was in flight',
      );
      arrival.release();
      const { status, body } = await answer;
      assert.deepEqual([status, body], [200, `${pid} /held`]);
      const [, exit] = await host.event('worker:exit', (worker) => worker.pid === pid);
      assert.deepEqual([exit.code, exit.signal, exit.request], [0, null, undefined]);
      // The handler was called in each thread that has one.
      const threads = told(host).map(({ thread }) => thread);
      assert.deepEqual(threads.sort(), name === 'threaded' ? [1, 2] : [0]);
      assert.deepEqual([...host.of('worker:warning'), ...host.of('worker:error')], []);
    });
  }

  for (const handler of [
    'is async',
    'returns no promise, and exits later',
    'goes on when the server has closed without an error',
    'takes its listener away, and sends the signal again',
    'sends the signal again',
  ]) {
    // A thread cannot send signals to itself.
    if ((name === 'threaded' && handler.endsWith('again')) || !HANDLERS_OF.includes(name)) continue;
    test(`a handler that ${handler} comes to its end: ${name}`, async (t) => {
      const gate = await Gate.open(t);
      const host = start(t, gate, handler, { workers: 1, ...options });
      await host.ready();
      host.kill('SIGTERM');
      assert.deepEqual(await host.exited(), { code: 0, signal: null });
      const [, exit] = await host.event('worker:exit');
      assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
      const threads = name === 'threaded' ? [1, 2] : [0];
      for (const thread of threads) {
        assert.deepEqual(
          told(host)
            .filter((each) => each.thread === thread)
            .map(({ what }) => what),
          ['begins', 'ends'],
        );
      }
    });
  }

  test(`a handler that does next to nothing delays nobody: ${name}`, async (t) => {
    const gate = await Gate.open(t);
    const host = start(t, gate, 'does next to nothing', { workers: 1, ...options });
    await host.ready();
    // Otherwise the reload would wait for ever: no limit runs out.
    await inTime(host.call('reload'), 'the reload');
    assert.equal(told(host)[0]?.what, 'begins');
    assert.equal(host.of('worker:error').length, 0);
  });

  test(`a handler that never ends is ended by gracefulTimeout: ${name}`, async (t) => {
    const gate = await Gate.open(t);
    const host = start(t, gate, 'never ends', { workers: 1, ...options, gracefulTimeout: 1_500 });
    await host.ready();
    await host.call('reload');
    const [, { stacks: _, ...exit }] = await host.event('worker:exit');
    assert.deepEqual(exit, { code: null, signal: 'SIGKILL', reason: 'reload', overdue: true });
  });

  test(`what a handler throws is reported: ${name}`, async (t) => {
    const gate = await Gate.open(t);
    const host = start(t, gate, 'throws', { workers: 1, ...options });
    await host.ready();
    host.kill('SIGTERM');
    await host.exited();
    const [, error] = await host.event('worker:error');
    assert.equal(error.message, 'thrown by the handler of a signal');
    assert.equal(told(host)[0]?.what, 'begins');
  });

  test(`a SIGTERM that the application emits by itself goes to its listeners: ${name}`, async (t) => {
    const gate = await Gate.open(t);
    const host = start(t, gate, 'does next to nothing', { workers: 1, ...options });
    assert.equal((await get(`${await host.ready()}/emit`)).body, 'true');
    await host.until(() => told(host).length === 1, 'the handler');
    assert.equal(host.of('worker:exit').length, 0);
    assert.equal((await host.workers())[0]?.state, 'ready');
  });
}

test('a drain that waits for a handler says so', async (t) => {
  const gate = await Gate.open(t);
  const host = start(t, gate, 'is async, and waits for SIGUSR2', { workers: 1 });
  await host.ready();
  host.kill('SIGTERM');
  const [worker, { message }] = await host.event('worker:warning', (_, { code }) => code === 'term');
  assert.match(
    message,
    /^its requests are over, and it waits until .* SIGTERM have done their work, under way since: .*Timeout/,
  );
  process.kill(worker.pid, 'SIGUSR2');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual(
    told(host).map(({ what }) => what),
    ['begins', 'ends'],
  );
});

test('a quick stop calls no handler', async (t) => {
  const gate = await Gate.open(t);
  const host = start(t, gate, 'is async', { workers: 1 });
  await host.ready();
  await host.call('stop', { graceful: false });
  assert.deepEqual(told(host), []);
});

for (const workerClass of CLASSES) {
  test(`an exit with requests in flight is told with its stack: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = start(t, gate, '', { ...single(workerClass), logger: true });
    assert.equal((await get(`${await host.ready()}/exit`)).status, 500);
    const [, warning] = await host.event('worker:warning');
    assert.deepEqual(
      [warning.code, warning.message, warning.thread],
      [
        'exit',
        'process.exit(0) was called while a request was in flight: 500 where nothing had been sent, else broken off',
        workerClass === 'threaded' ? 1 : undefined,
      ],
    );
    const frames = warning.stack.split('\n');
    assert.match(frames[0], /at exitDeepInside \(.*term-handlers\.js/);
    assert.match(frames[1], /term-handlers\.js/);
    await host.until(() => /WARN|"level":"warn"/.test(host.log), 'a line of the log');
    assert.match(host.log, /exitDeepInside/);
  });
}
