import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Arbiter } from 'prefork';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { gated, Releases, source } from '../helpers/releases.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const scales = (host: Host): unknown[] => host.of('scale').map(({ args }) => args);
const ages = async (host: Host): Promise<number[]> => (await host.workers()).map(({ age }) => age);

test('ttin_ttou', async (t) => {
  const host = new Host(t, { workers: 2 });
  const url = await host.ready();
  host.kill('SIGTTIN');
  const [third] = await host.event('worker:ready', ({ age }) => age === 3);
  assert.equal(third.id, 3);
  assert.deepEqual(await ages(host), [1, 2, 3]);
  assert.equal((await host.stats()).target, 3);

  host.kill('SIGTTOU');
  const [oldest, exit] = await host.event('worker:exit');
  assert.deepEqual([oldest.age, exit.code, exit.reason], [1, 0, 'scale']);
  assert.deepEqual(await ages(host), [2, 3]);
  assert.deepEqual(scales(host), [
    [3, 2],
    [2, 3],
  ]);
  // The next one gets the lowest free slot.
  host.kill('SIGTTIN');
  const [fourth] = await host.event('worker:ready', ({ age }) => age === 4);
  assert.equal(fourth.id, 1);
  assert.equal((await get(`${url}/pid`)).status, 200);
  assert.deepEqual(
    host.of('signal').map(({ args }) => args[0]),
    ['SIGTTIN', 'SIGTTOU', 'SIGTTIN'],
  );
  const { crashes, respawns } = (await host.stats()).totals;
  assert.deepEqual([crashes, respawns], [0, 0]);
});

test('ttou_floor_is_one', async (t) => {
  const host = new Host(t, { workers: 2 });
  const url = await host.ready();
  for (let count = 1; count <= 3; count++) {
    host.kill('SIGTTOU');
    await host.until(() => host.of('signal').length === count, `signal ${count}`);
  }
  await host.event('worker:exit');
  assert.deepEqual([(await host.stats()).target, await ages(host)], [1, [2]]);
  // Had the floor been missed, this would not lead to 2.
  host.kill('SIGTTIN');
  await host.event('worker:ready', ({ age }) => age === 3);
  assert.deepEqual(scales(host), [
    [1, 2],
    [2, 1],
  ]);
  assert.equal(host.of('worker:exit').length, 1);
  assert.equal((await get(`${url}/pid`)).status, 200);
});

test('ttou_retires_oldest', async (t) => {
  const host = new Host(t, { workers: 3 });
  await host.ready();
  // The replacement is the youngest in the first slot: age decides, not the slot.
  process.kill((await host.workers())[0]?.pid as number, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 4);
  for (const [index, age] of [2, 3].entries()) {
    host.kill('SIGTTOU');
    await host.until(() => host.of('worker:exit').length === index + 2, 'the exit of the oldest');
    const [worker, exit] = host.of('worker:exit').at(-1)?.args ?? [];
    assert.deepEqual([worker.age, exit.reason], [age, 'scale']);
  }
  assert.deepEqual(await ages(host), [4]);
});

test('a worker that is retired finishes its request', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 2, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  // Both workers are busy, so the oldest one is.
  const both = [await gate.hold(`${url}/a`), await gate.hold(`${url}/b`)];
  const held = both.map(({ arrival }) => arrival);
  const [oldest] = await host.workers();
  host.kill('SIGTTOU');
  await host.event('scale');
  assert.equal((await host.workers())[0]?.state, 'draining');
  for (const arrival of held) await arrival.settle();
  assert.equal(host.of('worker:exit').length, 0);
  for (const arrival of held) arrival.release();
  assert.deepEqual(
    (await Promise.all(both.map(({ answer }) => answer))).map(({ status }) => status),
    [200, 200],
  );
  const [worker, exit] = await host.event('worker:exit');
  assert.deepEqual([worker.pid, exit], [oldest?.pid, { code: 0, signal: null, reason: 'scale' }]);
});

test('scale', async (t) => {
  const host = new Host(t, { workers: 2 });
  await host.ready();
  await host.call('scale', 4);
  assert.deepEqual(
    (await host.workers()).map(({ state }) => state),
    ['ready', 'ready', 'ready', 'ready'],
  );
  // The call has resolved, so the surplus workers are gone, and not only about to go.
  await host.call('scale', 1);
  assert.deepEqual(await ages(host), [4]);
  assert.equal(host.of('worker:exit').length, 3);
  await host.call('scale', 1);
  assert.deepEqual(scales(host), [
    [4, 2],
    [1, 4],
  ]);
});

test('scale refuses what makes no sense and changes nothing', async (t) => {
  const host = new Host(t, { workers: 1 });
  await host.ready();
  for (const wrong of [0, -1, 1.5, '2', null, 4_097, 1e9]) {
    await assert.rejects(host.call('scale', wrong), { code: 'ERR_INVALID_OPTION' }, String(wrong));
  }
  assert.deepEqual([(await host.stats()).target, scales(host)], [1, []]);
  await assert.rejects(new Arbiter({ app: './app.js' }).scale(2), { code: 'ERR_STATE' });
  const stopped = new Arbiter({ app: './app.js' });
  await stopped.stop();
  await assert.rejects(stopped.scale(2), { code: 'ERR_STATE' });
});

test('a change of scale that is overtaken says so', async (t) => {
  const host = new Host(t, { workers: 1 });
  await host.ready();
  const overtaken = assert.rejects(host.call('scale', 3), { code: 'ERR_STATE' });
  const second = host.call('scale', 2);
  await Promise.all([overtaken, second]);
  assert.equal((await host.workers()).length, 2);
});

for (const order of ['stop()', 'SIGTERM']) {
  test(`${order} while many are started: no more are`, async (t) => {
    const gate = await createLoadGate(t);
    const app = fixture('waits-to-load.js');
    const env = { ...gate.env, ORDER: order };
    const host = new Host(t, { app, workers: 1 }, { entry: 'stops-as-it-grows.js', env });
    await eventually(() => gate.waiting === 1, 'the first');
    gate.admit();
    await host.ready();
    await assert.rejects(host.call('scale', 12), { code: 'ERR_STATE' });
    gate.open();
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
    const spawned = host.of('worker:spawn').length;
    assert.ok(spawned < 12, `${spawned} were started`);
  });
}

test('a change of scale that is cut short by the stop says so', async (t) => {
  const host = new Host(t, { workers: 1 });
  await host.ready();
  const cut = assert.rejects(host.call('scale', 3), { code: 'ERR_STATE' });
  await Promise.all([cut, host.call('stop')]);
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

test('a change of scale hears of a stop at once, also where requests hold that up', async (t) => {
  const gate = await createLoadGate(t);
  gate.open();
  const host = new Host(t, { app: fixture('waits-to-load.js'), workers: 1 }, { env: gate.env });
  const url = await host.ready();
  gate.close();
  const request = get(`${url}/wait`);
  await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a request');
  const cut = assert.rejects(host.call('scale', 2), { code: 'ERR_STATE', message: 'scale: the arbiter is stopping' });
  await eventually(() => gate.waiting === 1, 'one that boots');
  const stopped = host.call('stop');
  await cut;
  assert.equal(await host.call('state'), 'stopping');
  process.kill((await host.workers())[0]?.pid as number, 'SIGUSR2');
  await Promise.all([request, stopped]);
});

test('a change of scale right behind a stop is not overtaken by a change that nobody has made', async (t) => {
  const arbiter = new Arbiter({ app: fixture('app.js'), bind: '127.0.0.1:0', workers: 1, logger: false });
  t.after(() => arbiter.stop({ graceful: false }));
  await arbiter.start();
  const stopping = { code: 'ERR_STATE', message: 'scale: the arbiter is stopping' };
  // A call made in a listener waits for its turn.
  const behind = new Promise<void>((resolve) => {
    arbiter.once('scale', () => {
      void arbiter.stop();
      resolve(assert.rejects(arbiter.scale(3), stopping));
    });
  });
  await Promise.all([assert.rejects(arbiter.scale(2), stopping), behind]);
});

test('a worker that is replaced under another number is counted as replaced, once', async (t) => {
  const host = new Host(t, { workers: 2 });
  await host.ready();
  for (const workers of [3, 2]) await host.call('scale', workers);
  // The oldest worker has gone, and its number is the next to be given.
  const [first, second] = await host.workers();
  assert.deepEqual([first?.id, second?.id], [2, 3]);
  process.kill(first?.pid as number, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 4);
  const counts = async (): Promise<unknown> => {
    const { crashes, respawns } = (await host.stats()).totals;
    return { crashes, respawns };
  };
  assert.deepEqual(await counts(), { crashes: 1, respawns: 1 });
  await host.call('scale', 3);
  assert.deepEqual(await counts(), { crashes: 1, respawns: 1 });
});

/** A host with so many workers. A worker that is started from then on waits for the gate, and its code is broken. */
async function behindGate(t: TestContext, workers: number) {
  const gate = await createLoadGate(t);
  const releases = new Releases(t);
  const host = new Host(t, { app: './app.mjs', cwd: releases.folder, workers, logger: true }, { env: gate.env });
  releases.release('.', source('1'));
  const url = await host.ready();
  releases.release('.', gated("throw new Error('broken release');"));
  return { host, gate, url };
}

const ends = (host: Host): unknown[] => host.of('worker:exit').map(({ args }) => [args[0].age, args[1].reason]);

test('ttou_spares_who_serves: one that boots goes before the only one that is ready', async (t) => {
  const { host, gate, url } = await behindGate(t, 1);
  host.kill('SIGTTIN');
  await eventually(() => gate.waiting === 1, 'one that boots');
  host.kill('SIGTTOU');
  await host.event('worker:exit');
  assert.deepEqual(ends(host), [[2, 'scale']]);
  assert.deepEqual(await ages(host), [1]);
  assert.equal((await get(url)).status, 200);
  assert.equal((await host.stats()).degraded, false);
});

test('scale during a reload: those that boot go before those that are ready', async (t) => {
  const { host, gate, url } = await behindGate(t, 2);
  const reload = assert.rejects(host.call('reload'), { code: 'ERR_RELOAD_FAILED' });
  await eventually(() => gate.waiting === 1, 'one of the new generation');
  const overtaken = assert.rejects(host.call('scale', 3), { code: 'ERR_STATE' });
  await eventually(() => gate.waiting === 2, 'the third');
  const scaled = host.call('scale', 1);
  await overtaken;
  await host.event('worker:exit', ({ age }) => age === 1);
  // The second one serves on, whatever is tried beside it.
  const [second] = await host.workers();
  assert.deepEqual([second?.age, second?.state], [2, 'ready']);
  assert.equal((await get(url)).status, 200);
  gate.open();
  await Promise.all([reload, scaled]);
  assert.deepEqual(await ages(host), [2]);
  assert.equal((await get(url)).status, 200);
});
