import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { RECYCLED, RecyclingHost, replay } from '../helpers/recycling.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const MEGABYTE = 2 ** 20;
/** The other totals of a host whose workers serve and are recycled, and do nothing else. */
const NOTHING_ELSE = { errors: 0, abandoned: 0, timeouts: 0, crashes: 0, respawns: 0, reloads: 0 };

/**
 * Clients that send requests one after another, each on a connection of its own. Returns the answers, which are all
 * 200.
 */
async function load(url: string, clients: number, goOn: () => boolean): Promise<string[]> {
  const bodies: string[] = [];
  const client = async (): Promise<void> => {
    while (goOn()) {
      const { status, body } = await get(url);
      assert.equal(status, 200);
      bodies.push(body);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return bodies;
}

/**
 * A load is over when so many requests have been sent and so many workers have been recycled. On a busy machine, many
 * requests are served while a replacement boots, and only one boots at a time. If a host never recycles, the load ends
 * after twenty times its requests.
 */
function untilRecycled(host: Host, requests: number, recycles: number): { goesOn(): boolean; readonly sent: number } {
  let sent = 0;
  return {
    goesOn() {
      const over = sent >= requests && (host.of('worker:exit').length >= recycles || sent >= 20 * requests);
      if (!over) sent++;
      return !over;
    },
    get sent() {
      return sent;
    },
  };
}

test('max_requests_with_jitter_drops_nothing', async (t) => {
  const [requests, workers] = amount({ suite: [600, 3], long: [10_000, 8] } as const);
  const host = new Host(t, { workers, maxRequests: 50, maxRequestsJitter: 20 }, { env: { HOST_STAYS: '1' } });
  const url = await host.ready();
  const sending = untilRecycled(host, requests, 5);
  const bodies = await load(`${url}/pid`, 16, sending.goesOn);
  assert.equal(bodies.length, sending.sent);
  await host.call('stop');

  const { recycles, ...others } = (await host.stats()).totals;
  assert.ok(recycles >= 5, `only ${recycles} were recycled`);
  assert.deepEqual(others, { requests: sending.sent, ...NOTHING_ELSE });
  assert.deepEqual(replay(host), { fewestServing: workers, mostLiving: workers + 1, overlaps: 0 });
  const recycled = host.of('worker:exit').filter(({ args }) => args[1].reason === 'recycle');
  assert.equal(recycled.length, recycles);
  // No worker had to leave before it had had its share.
  const served = new Map<number, number>();
  for (const body of bodies) served.set(Number(body), (served.get(Number(body)) ?? 0) + 1);
  for (const { args } of recycled) {
    assert.deepEqual(args[1], RECYCLED);
    assert.ok((served.get(args[0].pid) ?? 0) >= 50, `${args[0].pid} served ${served.get(args[0].pid)}`);
  }
});

for (const workerClass of ['threaded', 'async'] as const) {
  test(`max_requests_with_jitter_drops_nothing: ${workerClass}`, async (t) => {
    const requests = amount({ suite: 300, long: 3_000 });
    const options = { workers: 2, workerClass, maxRequests: 50, maxRequestsJitter: 20 };
    const host = new Host(t, options, { env: { HOST_STAYS: '1' } });
    const url = await host.ready();
    const sending = untilRecycled(host, requests, 2);
    assert.equal((await load(url, 8, sending.goesOn)).length, sending.sent);
    await host.call('stop');
    const { recycles, ...others } = (await host.stats()).totals;
    assert.ok(recycles >= 2, `only ${recycles} were recycled`);
    assert.deepEqual(others, { requests: sending.sent, ...NOTHING_ELSE });
    assert.deepEqual(replay(host), { fewestServing: 2, mostLiving: 3, overlaps: 0 });
  });
}

test('the requests of all threads of a worker count together', async (t) => {
  const host = new Host(t, { workers: 1, threads: 2, workerClass: 'threaded', maxRequests: 10 });
  const url = await host.ready();
  // Two at a time, so that each thread has one.
  const both = (): Promise<unknown> => Promise.all([get(`${url}/wait?ms=100`), get(`${url}/wait?ms=100`)]);
  for (let round = 0; round < 4; round++) await both();
  await eventually(async () => (await host.stats()).totals.requests === 8, '8 requests');
  assert.equal(host.of('worker:spawn').length, 1);
  await both();
  assert.deepEqual((await host.event('worker:exit'))[1], RECYCLED);
});

test('memory_recycle', async (t) => {
  const limit = 256 * MEGABYTE;
  const host = new Host(t, { workers: 2, app: fixture('keeps-buffers.js'), maxMemory: limit });
  const url = await host.ready();
  let done = false;
  const answers = load(`${url}/0`, 4, () => !done);
  const leaking = Number((await get(`${url}/300`)).body);
  const [worker, exit] = await host.event('worker:exit');
  assert.deepEqual([worker.pid, exit], [leaking, RECYCLED]);
  done = true;
  assert.ok((await answers).length > 0);
  const { totals, workers } = await host.stats();
  assert.deepEqual([totals.recycles, totals.respawns, totals.crashes, totals.errors], [1, 0, 0, 0]);
  assert.deepEqual(
    workers.map(({ age, state, rss }) => [age, state, rss < limit]),
    [worker.age === 1 ? 2 : 1, 3].map((age) => [age, 'ready', true]),
  );
  assert.deepEqual(replay(host), { fewestServing: 2, mostLiving: 3, overlaps: 0 });
});

test('a substitute that fails to boot leaves the old worker serving, and comes when it can', async (t) => {
  const broken = join(temporaryFolder(t), 'broken');
  const options = { workers: 1, app: fixture('broken-while.js'), maxRequests: 3 };
  const host = new Host(t, options, { env: { BROKEN: broken } });
  const url = await host.ready();
  const [old] = await host.workers();
  writeFileSync(broken, '');
  for (let count = 0; count < 3; count++) await get(url);
  for (const failures of [2, 3]) {
    const [id] = await host.event('worker:backoff', (_, backoff) => backoff.failures === failures);
    assert.equal(id, old?.id);
    assert.equal((await get(`${url}/pid`)).body, String(old?.pid));
  }
  const [substitute, error] = await host.event('worker:error');
  assert.deepEqual([substitute.id, substitute.age, error.code], [1, 2, 'ERR_APP_LOAD']);
  assert.equal(error.cause.message, 'the deploy is broken');
  const [failed, failure] = await host.event('worker:exit');
  assert.deepEqual([failed.age, failure.reason], [2, 'boot']);
  assert.equal((await host.workers())[0]?.state, 'ready');
  assert.equal((await host.stats()).totals.recycles, 0);

  rmSync(broken);
  const [replaced, exit] = await host.event('worker:exit', ({ age }) => age === 1);
  assert.deepEqual([replaced.pid, exit], [old?.pid, RECYCLED]);
  const { recycles, respawns, crashes } = (await host.stats()).totals;
  assert.deepEqual({ recycles, respawns, crashes }, { recycles: 1, respawns: 0, crashes: 0 });
  assert.deepEqual(replay(host), { fewestServing: 1, mostLiving: 2, overlaps: 0 });
});

test('a substitute that is not ready in time is given up', async (t) => {
  const host = await RecyclingHost.running(t, { workers: 1, bootTimeout: 5_000 });
  await host.ask(1);
  await host.boots(2);
  assert.deepEqual((await host.exitOf(2)).reason, 'timeout');
  const [, { clock }] = await host.event('worker:timeout');
  const [{ age }, { code }] = await host.event('worker:error');
  assert.deepEqual([clock, age, code], ['boot', 2, 'ERR_BOOT_TIMEOUT']);
  await host.boots(3);
  assert.deepEqual(await host.crew(), ['1 ready', '3 booting']);
  await host.admit(3);
  assert.deepEqual(await host.exitOf(1), RECYCLED);
  assert.deepEqual(await host.totals(), { recycles: 1, respawns: 0, crashes: 0 });
});

test('workers are recycled one at a time, the oldest that asked first', async (t) => {
  const host = await RecyclingHost.running(t, { workers: 3 });
  await host.ask(2);
  const { id } = await host.boots(4);
  assert.equal(id, 2);
  await host.ask(3);
  await host.ask(1);
  assert.deepEqual(await host.crew(), ['1 ready', '2 ready', '3 ready', '4 booting']);
  await host.admit(4);
  await host.boots(5);
  assert.deepEqual(await host.crew(), ['1 ready', '3 ready', '4 ready', '5 booting']);
  await host.admit(5);
  await host.boots(6);
  assert.deepEqual(await host.crew(), ['3 ready', '4 ready', '5 ready', '6 booting']);
  await host.admit(6);
  await eventually(async () => (await host.crew()).join() === '4 ready,5 ready,6 ready', 'the end of it');
  assert.deepEqual(
    host.of('worker:spawn').map(({ args }) => args[0].id),
    [1, 2, 3, 2, 1, 3],
  );
  assert.deepEqual(await host.totals(), { recycles: 3, respawns: 0, crashes: 0 });
  assert.deepEqual(replay(host), { fewestServing: 3, mostLiving: 4, overlaps: 0 });
});

test('who asks while others boot for the first time is recycled when they are ready', async (t) => {
  const host = await RecyclingHost.create(t, { workers: 2 });
  await host.boots(2, 2);
  host.gate.admit();
  const [first] = await host.event('worker:ready');
  await host.ask(first.age);
  assert.equal(host.of('worker:spawn').length, 2);
  host.gate.admit();
  await host.boots(3);
  const events = host.events.map(({ event }) => event);
  assert.ok(events.indexOf('ready') < events.lastIndexOf('worker:spawn'), events.join());
  await host.admit(3);
  assert.deepEqual(await host.exitOf(first.age), RECYCLED);
});
