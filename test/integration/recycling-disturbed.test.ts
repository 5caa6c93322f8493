import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { RECYCLED, RecyclingHost, replay } from '../helpers/recycling.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/*
 * What else may happen to a worker that is being recycled and to its substitute: while the substitute boots, and while
 * the old one drains.
 */

const KILLED = { code: null, signal: 'SIGKILL' };
const SCALED = { code: 0, signal: null, reason: 'scale' };

/** One worker is to be recycled, and its substitute, the youngest of all, boots. */
async function booting(t: TestContext, options = {}, workers = 1, asks = 1): Promise<RecyclingHost> {
  const host = await RecyclingHost.running(t, { workers, ...options });
  await host.ask(asks);
  const { id, age } = await host.boots(workers + 1);
  assert.equal(id, asks);
  assert.equal((await host.crew()).at(-1), `${age} booting`);
  return host;
}

/** Worker 1 drains, with a request of this client; worker 2 serves in its place. */
async function draining(t: TestContext, options = {}): Promise<{ host: RecyclingHost; client: RawClient }> {
  const host = await booting(t, options);
  const client = (await RawClient.connect(t, await host.url())).get('/wait');
  await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a request in flight');
  await host.admit(2);
  assert.deepEqual(await host.crew(), ['1 draining', '2 ready']);
  return { host, client };
}

/** Has worker 1 answer. */
async function release(host: RecyclingHost, client: RawClient): Promise<void> {
  host.signal(1, 'SIGUSR2');
  assert.match(await client.all(), /^HTTP\/1\.1 200 OK[\s\S]*waited \d+/);
}

test('kill -9 of the old worker: the substitute that boots becomes its replacement', async (t) => {
  const host = await booting(t);
  host.signal(1, 'SIGKILL');
  assert.deepEqual(await host.exitOf(1), { ...KILLED, reason: 'crash' });
  assert.deepEqual(await host.crew(), ['2 booting']);
  await host.admit(2);
  assert.deepEqual(await host.crew(), ['2 ready']);
  assert.deepEqual(await host.totals(), { recycles: 0, respawns: 1, crashes: 1 });
  // The replacement has the slot for good: it is recycled in its turn.
  await host.ask(2);
  await host.boots(3);
  await host.admit(3);
  assert.deepEqual(await host.exitOf(2), RECYCLED);
  assert.deepEqual(await host.totals(), { recycles: 1, respawns: 1, crashes: 1 });
});

test('TERM from somebody else to the old worker: the substitute becomes its replacement', async (t) => {
  const host = await booting(t);
  host.signal(1, 'SIGTERM');
  // Until the substitute is ready, nobody but the old worker accepts.
  await eventually(async () => (await host.crew()).includes('1 draining'), 'the order');
  await host.admit(2);
  assert.deepEqual(await host.exitOf(1), { code: 0, signal: null, reason: 'stop' });
  assert.deepEqual(await host.crew(), ['2 ready']);
  assert.deepEqual(await host.totals(), { recycles: 0, respawns: 1, crashes: 0 });
});

test('kill -9 of a substitute that boots: another one takes its place', async (t) => {
  const host = await booting(t);
  host.signal(2, 'SIGKILL');
  assert.deepEqual(await host.exitOf(2), { ...KILLED, reason: 'boot' });
  await host.boots(3);
  assert.deepEqual(await host.crew(), ['1 ready', '3 booting']);
  await host.admit(3);
  assert.deepEqual(await host.exitOf(1), RECYCLED);
  assert.deepEqual(await host.totals(), { recycles: 1, respawns: 0, crashes: 0 });
  assert.deepEqual(replay(host), { fewestServing: 1, mostLiving: 2, overlaps: 0 });
});

test('kill -9 of both: the slot gets one replacement', async (t) => {
  const host = await booting(t);
  host.signal(1, 'SIGKILL');
  await host.exitOf(1);
  host.signal(2, 'SIGKILL');
  assert.deepEqual(await host.exitOf(2), { ...KILLED, reason: 'boot' });
  await host.boots(3);
  assert.deepEqual(await host.crew(), ['3 booting']);
  await host.admit(3);
  assert.deepEqual(await host.totals(), { recycles: 0, respawns: 2, crashes: 1 });
});

test('kill -9 of the old worker while it drains', async (t) => {
  const { host, client } = await draining(t);
  host.signal(1, 'SIGKILL');
  assert.equal(await client.all(), '');
  const { request, ...exit } = await host.exitOf(1);
  assert.deepEqual([request?.url, exit], ['/wait', { ...KILLED, reason: 'recycle' }]);
  assert.deepEqual(await host.crew(), ['2 ready']);
  assert.deepEqual(await host.totals(), { recycles: 1, respawns: 0, crashes: 0 });
});

test('kill -9 of a substitute that serves: it is replaced, and the old worker drains on', async (t) => {
  const { host, client } = await draining(t);
  host.signal(2, 'SIGKILL');
  assert.deepEqual(await host.exitOf(2), { ...KILLED, reason: 'crash' });
  await host.boots(3);
  assert.deepEqual(await host.crew(), ['1 draining', '3 booting']);
  await release(host, client);
  assert.deepEqual(await host.exitOf(1), RECYCLED);
  await host.admit(3);
  assert.deepEqual(await host.totals(), { recycles: 1, respawns: 1, crashes: 1 });
});

test('gracefulTimeout ends an old worker that does not drain', async (t) => {
  const { host, client } = await draining(t, { gracefulTimeout: 2_000 });
  assert.match(await client.all(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  assert.deepEqual(await host.exitOf(1), RECYCLED);
});

test('no other recycle begins while an old worker drains', async (t) => {
  const { host, client } = await draining(t);
  await host.ask(2);
  assert.deepEqual(await host.crew(), ['1 draining', '2 ready']);
  await release(host, client);
  await host.boots(3);
  assert.deepEqual(await host.crew(), ['2 ready', '3 booting']);
  await host.admit(3);
  assert.deepEqual(await host.exitOf(2), RECYCLED);
  assert.deepEqual(replay(host), { fewestServing: 1, mostLiving: 2, overlaps: 0 });
});

test('stop while a substitute boots', async (t) => {
  const host = await booting(t);
  await host.call('stop');
  assert.deepEqual(await host.exitOf(1), { code: 0, signal: null, reason: 'stop' });
  assert.deepEqual(await host.exitOf(2), { code: 0, signal: null, reason: 'stop' });
  assert.equal(host.of('worker:error').length, 0);
  assert.deepEqual(await host.totals(), { recycles: 0, respawns: 0, crashes: 0 });
});

test('stop while an old worker drains', async (t) => {
  const { host, client } = await draining(t);
  const stopped = host.call('stop');
  assert.deepEqual(await host.exitOf(2), { code: 0, signal: null, reason: 'stop' });
  assert.deepEqual(await host.crew(), ['1 draining']);
  await release(host, client);
  await stopped;
  assert.deepEqual(await host.exitOf(1), RECYCLED);
  assert.deepEqual(await host.crew(), []);
});

for (const state of ['boots', 'is ready'] as const) {
  test(`a quick stop while a substitute ${state}`, async (t) => {
    const host = state === 'boots' ? await booting(t) : (await draining(t)).host;
    await host.call('stop', { graceful: false });
    assert.deepEqual(
      host
        .of('worker:exit')
        .map(({ args: [worker] }) => worker.age)
        .sort(),
      [1, 2],
    );
    assert.deepEqual([host.of('worker:spawn').length, host.of('worker:error').length], [2, 0]);
  });
}

test('scale up while a substitute boots waits for all', async (t) => {
  const host = await booting(t);
  const scaled = host.call('scale', 2);
  await host.boots(3, 2);
  assert.deepEqual(await host.crew(), ['1 ready', '2 booting', '3 booting']);
  host.gate.open();
  await scaled;
  assert.deepEqual(await host.crew(), ['2 ready', '3 ready']);
  assert.deepEqual(await host.exitOf(1), RECYCLED);
});

test('scale down while the substitute of the oldest boots ends both', async (t) => {
  const host = await booting(t, {}, 2);
  // The gate lets nobody in: the call waits for no boot.
  await host.call('scale', 1);
  assert.deepEqual(await host.crew(), ['2 ready']);
  assert.deepEqual(await host.exitOf(1), SCALED);
  assert.deepEqual(await host.exitOf(3), { code: 0, signal: null, reason: 'scale' });
  assert.deepEqual(await host.totals(), { recycles: 0, respawns: 0, crashes: 0 });
  assert.equal(host.of('worker:error').length, 0);
});

test('scale down while the substitute of a younger one boots takes the oldest, and waits for the rest', async (t) => {
  const host = await booting(t, {}, 2, 2);
  let resolved = false;
  const scaled = host.call('scale', 1).then(() => {
    resolved = true;
  });
  assert.deepEqual(await host.exitOf(1), SCALED);
  assert.deepEqual(await host.crew(), ['2 ready', '3 booting']);
  assert.equal(resolved, false);
  await host.admit(3);
  await scaled;
  assert.deepEqual(await host.crew(), ['3 ready']);
  assert.deepEqual(await host.exitOf(2), RECYCLED);
});

test('scale up and down while an old worker drains: the substitute is a worker like any other', async (t) => {
  const { host, client } = await draining(t);
  host.kill('SIGTTIN');
  await host.boots(3);
  await host.admit(3);
  assert.deepEqual(await host.crew(), ['1 draining', '2 ready', '3 ready']);
  let resolved = false;
  const scaled = host.call('scale', 1).then(() => {
    resolved = true;
  });
  assert.deepEqual(await host.exitOf(2), SCALED);
  assert.deepEqual(await host.crew(), ['1 draining', '3 ready']);
  assert.equal(resolved, false);
  await release(host, client);
  await scaled;
  assert.deepEqual(await host.crew(), ['3 ready']);
  assert.deepEqual(await host.exitOf(1), RECYCLED);
});

for (const { asks, left } of [
  { asks: 1, left: ['2 ready'] },
  { asks: 2, left: ['2 ready', '3 booting'] },
]) {
  test(`TTOU while the substitute of worker ${asks} boots retires the oldest`, async (t) => {
    const host = await booting(t, {}, 2, asks);
    host.kill('SIGTTOU');
    assert.deepEqual(await host.exitOf(1), SCALED);
    await eventually(async () => (await host.crew()).join() === left.join(), left.join());
    assert.equal(host.of('worker:spawn').length, 3);
  });
}

test('scale is not put off by workers that are recycled for ever', async (t) => {
  const host = await RecyclingHost.create(t, { workers: 1 }, { ASKS_AT_ONCE: '1' });
  host.gate.open();
  await host.ready();
  await host.until(() => host.of('worker:exit').length >= 2, 'two recycles');
  for (const workers of [3, 1, 2]) {
    await host.call('scale', workers);
    // Recycling goes on afterwards.
    const { length } = host.of('worker:exit');
    await host.until(() => host.of('worker:exit').length >= length + 3, 'three recycles more');
  }
  await host.call('stop');
  assert.deepEqual([replay(host).fewestServing, replay(host).overlaps], [1, 0]);
  assert.equal(host.of('worker:error').length, 0);
});
