import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const THREADED = { workers: 1, workerClass: 'threaded', threads: 2 };

test('a thread that does not load fails the start, and says why', async (t) => {
  const host = new Host(t, { ...THREADED, app: fixture('fails-in-thread.js') });
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.exitCode], ['ERR_APP_LOAD', 4]);
  assert.match(error.message, /the second thread refuses/);
  assert.deepEqual([error.cause.message, error.cause.cause.message], ['the second thread refuses', 'the reason below']);
  assert.match(error.cause.stack, /fails-in-thread\.js/);
  assert.equal((await host.exited()).code, 4);
  assert.equal(host.of('ready').length, 0);
  assert.equal(host.of('rejected').length, 1);
});

test('a thread that ends before it is ready fails the start', async (t) => {
  const host = new Host(t, { ...THREADED, app: fixture('fails-in-thread.js') }, { env: { EXIT: '7' } });
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.exitCode], ['ERR_WORKER_BOOT', 3]);
  assert.match(error.message, /exit code 7/);
  assert.equal((await host.exited()).code, 3);
});

test('thread_crash_spares_siblings: also when its replacement cannot boot', async (t) => {
  const gate = await Gate.open(t);
  const broken = join(temporaryFolder(t), 'broken');
  const env = { ...gate.env, BROKEN: broken };
  const host = new Host(t, { ...THREADED, app: fixture('crashing.js'), env });
  const url = await host.ready();
  const { arrival: held, answer } = await gate.hold(`${url}/held`);
  writeFileSync(broken, '');
  await get(`${url}/exit?code=0`);
  const [worker, error] = await host.event('worker:error');
  assert.deepEqual([worker.pid, error.message], [held.pid, 'the deploy is broken']);
  assert.deepEqual(
    host.of('thread:exit').map(({ args: [, { thread }] }) => thread),
    [3 - held.thread],
  );
  held.release();
  assert.equal((await answer).body, `${held.pid} /held`);
  // The thread that is left serves.
  const next = await gate.hold(`${url}/next`);
  assert.equal(next.arrival.holder, held.holder);

  // The other thread is tried again and again.
  rmSync(broken);
  const last = await gate.hold(`${url}/last`);
  assert.equal(last.arrival.holder, `${held.pid}.${3 - held.thread}`);
  for (const { arrival } of [next, last]) arrival.release();
  assert.deepEqual([(await next.answer).status, (await last.answer).status], [200, 200]);
  assert.deepEqual([host.of('worker:exit').length, host.of('thread:exit').length], [0, 1]);
});

test('when no thread is left and none boots, the process is replaced', async (t) => {
  const gate = await Gate.open(t);
  const broken = join(temporaryFolder(t), 'broken');
  const env = { ...gate.env, BROKEN: broken };
  const host = new Host(t, { ...THREADED, threads: 1, app: fixture('crashing.js'), env });
  const url = await host.ready();
  writeFileSync(broken, '');
  assert.equal((await get(`${url}/exit?code=5`)).status, 500);
  const [worker, exit] = await host.event('worker:exit');
  assert.deepEqual([worker.age, exit.code, exit.reason], [1, 1, 'crash']);
  const [, error] = await host.event('worker:error');
  assert.equal(error.message, 'the deploy is broken');
  rmSync(broken);
  await host.event('worker:ready', ({ age }) => age > 1);
  const { arrival, answer } = await gate.hold(`${url}/again`);
  arrival.release();
  assert.equal((await answer).status, 200);
});

test('when no thread is left, and no copy of the sockets for another, the process is replaced', async (t) => {
  const gate = await Gate.open(t);
  const folder = temporaryFolder(t);
  const broken = join(folder, 'broken');
  const bind = ['127.0.0.1:0', `unix:${join(folder, 'second.sock')}`];
  const options = { ...THREADED, threads: 1, bind, app: fixture('crashing.js'), timeout: 300 };
  const host = new Host(t, { ...options, env: { ...gate.env, BROKEN: broken } });
  const url = await host.ready();
  const pid = (await host.workers())[0]?.pid as number;
  // The process that is to replace this one does not boot, while all threads of this one do. A thread that was too late
  // is replaced at once.
  writeFileSync(broken, `${pid}`);
  for (let thread = 1; thread <= 9; thread++) {
    const { answer } = await gate.hold(`${url}/never/${thread}`);
    assert.equal((await answer).status, 504);
  }
  const [worker, exit] = await host.event('worker:exit', (info) => info.pid === pid);
  assert.deepEqual([worker.pid, exit.code, exit.reason], [pid, 1, 'crash']);
  await host.event('worker:error', ({ pid: of }, { message }) => of === pid && /^no thread is left/.test(message));
  rmSync(broken);
  const { arrival, answer } = await gate.hold(`${url}/again`);
  arrival.release();
  assert.equal((await answer).status, 200);
});

test('term_drains: the requests of all threads are answered, and their connections closed', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(
    t,
    { ...THREADED, app: fixture('gated.js'), env: gate.env, keepAlive: 60_000 },
    { env: { HOST_STAYS: '1' } },
  );
  const url = await host.ready();
  const held = [await gate.hold(`${url}/one`), await gate.hold(`${url}/two`)];
  const stopped = host.call('stop');
  await host.event('stop');
  assert.deepEqual(
    (await host.workers()).map(({ state }) => state),
    ['draining'],
  );
  // One request after the other: a thread that has ended takes the process with it only when it was the last.
  for (const { arrival, answer } of held) {
    await arrival.settle();
    arrival.release();
    const { status, headers } = await answer;
    assert.deepEqual([status, headers.connection], [200, 'close']);
  }
  await stopped;
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
  await host.finished(2);
  assert.equal(host.of('thread:exit').length, 0);
});

test('term_drains: a thread that boots holds no stop up', async (t) => {
  const loads = await createLoadGate(t);
  loads.open();
  const options = { ...THREADED, app: fixture('waits-to-load.js'), env: loads.env };
  const host = new Host(t, { ...options, gracefulTimeout: 2 ** 31 - 1 });
  const url = await host.ready();
  loads.close();
  assert.equal((await get(`${url}/exit?code=0`)).status, 500);
  await eventually(() => loads.waiting === 1, 'the replacement of a thread');
  await host.call('stop');
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
});

for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
  test(`int_is_quick: ${signal} does not wait for the requests of threads`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...THREADED, app: fixture('gated.js'), env: gate.env, gracefulTimeout: 2 ** 31 - 1 });
    const client = (await RawClient.connect(t, await host.ready())).get('/held');
    await gate.next();
    host.kill(signal);
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
    assert.match(await client.all(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual([exit.code, exit.signal, exit.reason], [0, null, 'stop']);
  });
}

for (const form of ['module', 'inline'] as const) {
  test(`threads of one process share memory: ${form} form`, async (t) => {
    const gate = await Gate.open(t);
    const options = { ...THREADED, workers: 2, env: gate.env };
    const host =
      form === 'module'
        ? new Host(t, { ...options, app: fixture('shared-counter.js') })
        : new Host(t, { ...options, app: './shared-counter.js' }, { entry: 'inline-host.js' });
    const url = await host.ready();
    // All threads of both processes are busy at once, so each of them has counted one request.
    const held = [];
    for (let count = 0; count < 4; count++) held.push(await gate.hold(`${url}/${count}`));
    assert.equal(new Set(gate.arrivals.map(({ holder }) => holder)).size, 4);
    const counts = new Map<number, number[]>();
    for (const { arrival } of held) arrival.release();
    for (const { body, headers } of await Promise.all(held.map(({ answer }) => answer))) {
      const pid = Number.parseInt(body, 10);
      counts.set(pid, [...(counts.get(pid) ?? []), Number(headers['x-count'])]);
    }
    assert.deepEqual(
      [...counts.values()].map((of) => of.toSorted()),
      [
        [1, 2],
        [1, 2],
      ],
    );
  });
}

test('shared memory outlives a thread, and has one size', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { ...THREADED, threads: 1, app: fixture('shared-counter.js'), env: gate.env });
  const url = await host.ready();
  const count = async (): Promise<unknown> => {
    const { arrival, answer } = await gate.hold(url);
    arrival.release();
    return (await answer).headers['x-count'];
  };
  assert.equal(await count(), '1');
  await get(`${url}/exit?code=1`);
  await host.event('thread:exit');
  assert.equal(await count(), '3');
  const { body } = await get(`${url}/shared/counter/8`);
  assert.equal(body, "RangeError: the shared buffer 'counter' has 4 bytes, and 8 were asked for");
  assert.equal(await count(), '5');
});

for (const workerClass of ['threaded', 'sync']) {
  test(`shared memory of an impossible size is refused, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { workers: 1, workerClass, app: fixture('shared-counter.js'), env: gate.env });
    const url = await host.ready();
    for (const bytes of ['-1', '1.5', 'NaN', '1e15', '1e300']) {
      assert.match((await get(`${url}/shared/bad/${bytes}`)).body, /^RangeError: /, bytes);
    }
    // The refused memory was not created.
    assert.equal((await get(`${url}/shared/bad/8`)).body, '[object SharedArrayBuffer]');
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
  });
}

test('a worker without threads has the same memory for itself', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('shared-counter.js'), env: gate.env });
  const url = await host.ready();
  for (const expected of ['1', '2']) {
    const { arrival, answer } = await gate.hold(url);
    arrival.release();
    assert.equal((await answer).headers['x-count'], expected);
  }
});

test('statistics of threads are those of their process', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { ...THREADED, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const held = [await gate.hold(`${url}/a`), await gate.hold(`${url}/b`)];
  await eventually(async () => (await host.stats()).workers[0]?.connections === 2, '2 connections');
  const { workers } = await host.stats();
  assert.deepEqual(
    workers.map(({ id, active, connections, requests }) => ({ id, active, connections, requests })),
    [{ id: 1, active: 2, connections: 2, requests: 0 }],
  );
  for (const { arrival } of held) arrival.release();
  await Promise.all(held.map(({ answer }) => answer));
  await eventually(async () => (await host.stats()).workers[0]?.active === 0, 'the end of both');
  await host.finished(2);
});
