import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { WorkerExit, WorkerInfo, WorkerTimeout } from 'prefork';
import { CLASSES } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { assertNobodyTimedOut, passing } from '../helpers/passing.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/*
 * What the master does about workers that stand still when nothing else can end them.
 */

const TIMEOUT = 400;

/** One worker without a watchdog. Its core files are removed with the folder that it runs in. */
function unwatched(t: TestContext, options: HostOptions = {}): Host {
  const all = { workers: 1, app: fixture('stands-still.js'), timeout: TIMEOUT, watchdog: false, ...options };
  return new Host(t, all, { cwd: temporaryFolder(t) });
}

/** The timeout and the exit of the one worker that was ended. */
async function endOf(host: Host): Promise<{ timeout: WorkerTimeout; exit: WorkerExit }> {
  const [worker, exit] = (await host.event('worker:exit')) as [WorkerInfo, WorkerExit];
  const timeouts = host.of('worker:timeout').map(({ args }) => args as [WorkerInfo, WorkerTimeout]);
  const [timedOut, timeout] = timeouts[0] as [WorkerInfo, WorkerTimeout];
  assert.deepEqual([timeouts.length, timedOut.pid], [1, worker.pid]);
  assert.ok(timeout.elapsed > TIMEOUT, `${timeout.elapsed} ms`);
  return { timeout, exit };
}

for (const path of ['/spins', '/blocks']) {
  test(`a request that ${path.slice(1)} ends its worker, and is named`, async (t) => {
    const host = unwatched(t, { workers: 2 });
    const url = await host.ready();
    (await RawClient.connect(t, url)).get(path);
    const { timeout, exit } = await endOf(host);
    const { elapsed, request, ...rest } = timeout;
    assert.deepEqual(rest, { clock: 'request', answered: false });
    assert.deepEqual([request?.method, request?.url], ['GET', path]);
    assert.deepEqual(exit, { code: null, signal: 'SIGABRT', reason: 'timeout', request });
    // The worker is replaced, and the other one was not affected.
    await host.event('worker:ready', ({ age }) => age === 3);
    assert.equal((await get(url)).status, 200);
    const { totals } = await host.stats();
    assert.deepEqual([totals.timeouts, totals.crashes, totals.respawns], [1, 0, 1]);
    assert.equal(host.of('worker:exit').length, 1);
  });
}

for (const workerClass of CLASSES) {
  test(`an event loop that hangs without a request ends its worker: ${workerClass}`, async (t) => {
    const host = unwatched(t, { workerClass, execArgv: ['--import', fixture('spins-on-signal.js')] });
    await host.ready();
    process.kill(host.workerPids[0] as number, 'SIGUSR2');
    const { timeout, exit } = await endOf(host);
    assert.deepEqual({ ...timeout, elapsed: 0 }, { clock: 'loop', elapsed: 0, answered: false });
    assert.deepEqual(exit, { code: null, signal: 'SIGABRT', reason: 'timeout' });
    await host.event('worker:ready', ({ age }) => age === 2);
  });
}

/** A host whose only worker, an async one, has a request that spins when it gets SIGUSR2. */
async function aboutToSpin(t: TestContext): Promise<Host> {
  const host = unwatched(t, { workerClass: 'async' });
  const client = (await RawClient.connect(t, await host.ready())).get('/spins-when-told');
  await client.until((received) => received.includes('200 OK'), 'the head');
  // The worker stores the start of a request a moment later.
  await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a request in the slot');
  return host;
}

test('an async worker that hangs in a request is ended, and only its loop is blamed', async (t) => {
  const host = await aboutToSpin(t);
  process.kill(host.workerPids[0] as number, 'SIGUSR2');
  const { timeout, exit } = await endOf(host);
  assert.deepEqual([timeout.clock, timeout.request?.url], ['loop', '/spins-when-told']);
  assert.deepEqual([exit.signal, exit.reason], ['SIGABRT', 'timeout']);
});

test('a worker that somebody has stopped is killed when SIGABRT did nothing', async (t) => {
  const host = unwatched(t);
  await host.ready();
  process.kill(host.workerPids[0] as number, 'SIGSTOP');
  const { timeout, exit } = await endOf(host);
  assert.equal(timeout.clock, 'loop');
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL', reason: 'timeout' });
});

test('a worker that somebody has stopped and continued in time lives', async (t) => {
  const host = unwatched(t, { timeout: 2_000 });
  const url = await host.ready();
  const [pid] = host.workerPids as [number];
  // The master waits for two of its looks longer, 3 s in all. The stops together are twice as long.
  for (let round = 0; round < 4; round++) {
    process.kill(pid, 'SIGSTOP');
    await passing(host, 1_500);
    process.kill(pid, 'SIGCONT');
    assert.equal((await get(url)).body, String(pid));
  }
  await passing(host, 1_500);
  await assertNobodyTimedOut(host);
});

test('a worker that hangs while it drains is ended at its timeout', async (t) => {
  const host = await aboutToSpin(t);
  host.kill('SIGTERM');
  await host.event('stop');
  process.kill(host.workerPids[0] as number, 'SIGUSR2');
  const { timeout, exit } = await endOf(host);
  assert.equal(timeout.request?.url, '/spins-when-told');
  assert.deepEqual([exit.signal, exit.reason], ['SIGABRT', 'timeout']);
  await host.event('stopped');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

test('a timeout gives a worker that drains no more time than it had', async (t) => {
  const host = unwatched(t, { gracefulTimeout: 1_200 });
  // If a worker had two seconds from its timeout on, this one, which has none, would end first.
  const other = unwatched(t, { gracefulTimeout: 2_000, timeout: 0 });
  for (const each of [host, other]) await each.ready();
  for (const each of [host, other]) {
    process.kill(each.workerPids[0] as number, 'SIGSTOP');
    each.kill('SIGTERM');
  }
  const { exit } = await endOf(host);
  assert.deepEqual([exit.signal, exit.reason], ['SIGKILL', 'timeout']);
  assert.deepEqual(other.of('worker:exit'), []);
  const [, { overdue }] = await other.event('worker:exit');
  assert.equal(overdue, true);
});

test('a timeout of 0 is none', async (t) => {
  const host = unwatched(t, { timeout: 0 });
  (await RawClient.connect(t, await host.ready())).get('/blocks');
  await passing(host, 4_000);
  await assertNobodyTimedOut(host);
});

test('a worker with a watchdog gets the time that it needs to tell more', async (t) => {
  const host = unwatched(t, { watchdog: true });
  await host.ready();
  // SIGSTOP also stops the watchdog of the worker.
  process.kill(host.workerPids[0] as number, 'SIGSTOP');
  const { timeout } = await endOf(host);
  assert.ok(timeout.elapsed > TIMEOUT + 1_500, `${timeout.elapsed} ms`);
});

for (const [watchdog, limit] of [
  [false, 500],
  [true, 1_500],
] as const) {
  test(`a worker that is stopped as it boots is killed after ${limit} ms ${watchdog ? 'with' : 'without'} a watchdog`, async (t) => {
    const gate = await createLoadGate(t);
    const options = { workers: 1, app: fixture('waits-to-load.js'), bootTimeout: 500, watchdog };
    const host = new Host(t, options, { env: gate.env });
    const [{ pid }] = await host.event('worker:spawn');
    process.kill(pid, 'SIGSTOP');
    const [, { clock, elapsed }] = await host.event('worker:timeout');
    assert.equal(clock, 'boot');
    // Timers count in whole milliseconds from when the loop last looked at the clock, so they may fire one or two
    // early.
    assert.ok(elapsed > limit - 5, `${elapsed} ms`);
    await host.event('rejected');
  });
}
