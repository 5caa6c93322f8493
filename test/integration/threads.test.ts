import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { type Arrival, Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { type Answer, get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

/** A threaded worker of which all threads but one hold a request. */
interface Busy {
  readonly gate: Gate;
  readonly host: Host;
  readonly url: string;
  readonly held: readonly Arrival[];
  readonly answers: readonly Promise<Answer>[];
  /** The number of the thread that is free. */
  readonly free: number;
}

async function allButOneBusy(t: TestContext, options: object = {}): Promise<Busy> {
  const gate = await Gate.open(t);
  const common = { workers: 1, workerClass: 'threaded', threads: 3, app: fixture('crashing.js') };
  const host = new Host(t, { ...common, env: gate.env, ...options });
  const url = await host.ready();
  const both = [await gate.hold(`${url}/held/1`), await gate.hold(`${url}/held/2`)];
  const held = both.map(({ arrival }) => arrival);
  const busy = held.map(({ thread }) => thread);
  assert.equal(new Set(busy).size, 2, 'a busy thread took a request while another was free');
  const free = [1, 2, 3].find((number) => !busy.includes(number)) ?? 0;
  return { gate, host, url, held, answers: both.map(({ answer }) => answer), free };
}

/**
 * Asserts that the held requests are as they were, and that nothing has happened but that the free thread was replaced
 * in the same process.
 */
async function siblingsSpared({ gate, host, url, held, answers, free }: Busy): Promise<void> {
  const { arrival: replacement, answer } = await gate.hold(`${url}/later`);
  assert.deepEqual([replacement.pid, replacement.thread], [held[0]?.pid, free]);
  assert.deepEqual(
    held.map((arrival) => arrival.held),
    [true, true],
  );
  for (const arrival of [...held, replacement]) arrival.release();
  assert.deepEqual(
    (await Promise.all([...answers, answer])).map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(gate.most, 1, 'a thread held two requests');
  assert.deepEqual([host.of('worker:exit').length, host.of('worker:spawn').length], [0, 1]);
  assert.equal(host.of('thread:exit').length, 1);
  const { crashes, respawns, requests } = (await host.stats()).totals;
  // The only crash is that of the thread.
  assert.deepEqual([crashes, respawns], [1, 0]);
  assert.ok(requests <= 4, `${requests} requests`);
}

test('thread_crash_spares_siblings: an uncaught exception', async (t) => {
  const busy = await allButOneBusy(t);
  const before = Date.now();
  const failed = await get(`${busy.url}/uncaught`);
  assert.deepEqual([failed.status, failed.body], [500, 'Internal Server Error\n']);
  const [worker, error] = await busy.host.event('worker:error');
  assert.deepEqual([worker.pid, error.message], [busy.held[0]?.pid, 'it was uncaught']);
  assert.match(error.stack, /crashing\.js/, "it is the thread's own stack");
  const [exited, { request, ...exit }] = await busy.host.event('thread:exit');
  assert.deepEqual([exited.pid, exited.state], [worker.pid, 'ready']);
  assert.deepEqual(exit, { thread: busy.free, code: 1, reason: 'crash' });
  assert.deepEqual([request.method, request.url], ['GET', '/uncaught']);
  assert.ok(before <= request.startedAt && request.startedAt <= Date.now());
  const told = busy.host.events.map(({ event }) => event).filter((event) => /error|exit/.test(event));
  assert.deepEqual(told, ['worker:error', 'thread:exit']);
  await siblingsSpared(busy);
});

for (const code of [0, 7]) {
  test(`thread_crash_spares_siblings: process.exit(${code})`, async (t) => {
    const busy = await allButOneBusy(t);
    const failed = await get(`${busy.url}/exit?code=${code}`);
    assert.deepEqual([failed.status, failed.body], [500, 'Internal Server Error\n']);
    const [, { request, ...exit }] = await busy.host.event('thread:exit');
    assert.deepEqual(exit, { thread: busy.free, code, reason: 'crash' });
    assert.equal(request.url, `/exit?code=${code}`);
    assert.equal(busy.host.of('worker:error').length, 0);
    await siblingsSpared(busy);
  });
}

test('oom_in_thread', async (t) => {
  const busy = await allButOneBusy(t, { resourceLimits: { maxOldGenerationSizeMb: 32 } });
  const client = (await RawClient.connect(t, busy.url)).get('/heap');
  assert.equal(await client.all(), '');
  const [, error] = await busy.host.event('worker:error');
  assert.equal(error.code, 'ERR_WORKER_OUT_OF_MEMORY');
  assert.match(error.message, /memory limit.*heap out of memory/);
  const [, { request, ...exit }] = await busy.host.event('thread:exit');
  assert.deepEqual(exit, { thread: busy.free, code: 1, reason: 'crash' });
  assert.equal(request.url, '/heap');
  await siblingsSpared(busy);
});

test('thread_crash_spares_siblings: again and again', async (t) => {
  const busy = await allButOneBusy(t);
  const { host, url, gate, held } = busy;
  // A thread that has served for a while is replaced at once; one that has not waits longer each time.
  for (let round = 1; round <= 4; round++) {
    assert.equal((await get(`${url}/exit?code=${round}`)).status, 500);
    await host.until(() => host.of('thread:exit').length === round, `the end of thread ${busy.free}, time ${round}`);
  }
  assert.deepEqual(
    host.of('thread:exit').map(({ args: [, { thread, code }] }) => [thread, code]),
    [1, 2, 3, 4].map((code) => [busy.free, code]),
  );
  const { arrival: last } = await gate.hold(`${url}/last`);
  assert.deepEqual([last.pid, last.thread], [held[0]?.pid, busy.free]);
  assert.equal(host.of('worker:exit').length, 0);
});

test('thread_crash_spares_siblings: the counters of a thread outlive it', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, {
    workers: 1,
    workerClass: 'threaded',
    threads: 1,
    app: fixture('crashing.js'),
    env: gate.env,
  });
  const url = await host.ready();
  const serve = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done++) {
      const { arrival, answer } = await gate.hold(`${url}/${done}`);
      arrival.release();
      await answer;
    }
  };
  await serve(3);
  await get(`${url}/exit?code=1`);
  await serve(2);
  await host.finished(5);
  await get(`${url}/uncaught`);
  await serve(1);
  await host.finished(6);
  const [worker] = (await host.stats()).workers;
  assert.deepEqual([worker?.requests, worker?.active, host.of('thread:exit').length], [6, 0, 2]);
});

test('thread_crash_spares_siblings: the request that a thread died of is in flight no more, and told once', async (t) => {
  const busy = await allButOneBusy(t);
  const { host, url } = busy;
  // The first replacement comes at once, the others ever later.
  for (let round = 1; round <= 4; round++) {
    await get(`${url}/exit?code=${round}`);
    await host.until(() => host.of('thread:exit').length === round, `the end of thread ${busy.free}, time ${round}`);
    assert.equal((await host.stats()).workers[0]?.active, 2, `time ${round}`);
  }
  for (const arrival of busy.held) arrival.release();
  await Promise.all(busy.answers);
  await host.call('stop');
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
});

test('a worker that is killed names the request that one of its threads has held for longest', async (t) => {
  const { host, held } = await allButOneBusy(t);
  process.kill(held[0]?.pid as number, 'SIGKILL');
  const [, { request, requests, ...exit }] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL', reason: 'crash' });
  assert.equal(request.url, held[0]?.url);
  assert.deepEqual(
    requests.map(({ url }: { url: string }) => url),
    held.map(({ url }) => url),
  );
});
