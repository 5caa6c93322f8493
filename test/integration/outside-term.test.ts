/* TERM that somebody sends to one worker. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { classes } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const UNHURRIED = 2 ** 31 - 1;
const STOPPED = { code: 0, signal: null, reason: 'stop' };
const states = async (host: Host): Promise<string[]> =>
  (await host.workers()).map(({ age, state }) => `${age} ${state}`);

for (const { name, options } of classes()) {
  test(`it drains at once, and gets a replacement, while its request goes on: ${name}`, async (t) => {
    const gate = await Gate.open(t);
    const more = { workers: 2, gracefulTimeout: UNHURRIED, app: fixture('gated.js'), env: gate.env };
    const host = new Host(t, { ...options, ...more });
    const { arrival, answer } = await gate.hold(`${await host.ready()}/held`);
    process.kill(arrival.pid, 'SIGTERM');
    await host.event('worker:ready', ({ age }) => age === 3);
    const [worker] = (await host.workers()).filter(({ pid }) => pid === arrival.pid);
    assert.equal(worker?.state, 'draining');
    arrival.release();
    assert.equal((await answer).status, 200);
    const [, exit] = await host.event('worker:exit', ({ pid }) => pid === arrival.pid);
    assert.deepEqual(exit, STOPPED);
    const { crashes, respawns } = (await host.stats()).totals;
    assert.deepEqual([crashes, respawns], [0, 1]);
  });

  test(`its time is gracefulTimeout: ${name}`, async (t) => {
    const env = { TERM_HANDLER: 'never ends' };
    const host = new Host(t, { ...options, workers: 2, gracefulTimeout: 1_500, app: fixture('term-handlers.js'), env });
    await host.ready();
    process.kill(host.workerPids[0] as number, 'SIGTERM');
    const [{ age }, { stacks: _, ...exit }] = await host.event('worker:exit');
    assert.deepEqual([age, exit], [1, { code: null, signal: 'SIGKILL', reason: 'stop', overdue: true }]);
    await eventually(async () => (await states(host)).join() === '2 ready,3 ready', 'a replacement');
  });

  test(`the last one serves until its replacement does: ${name}`, async (t) => {
    const loading = await createLoadGate(t);
    loading.open();
    const app = fixture('waits-to-load.js');
    const host = new Host(t, { ...options, workers: 1, gracefulTimeout: UNHURRIED, app }, { env: loading.env });
    const url = `${await host.ready()}/pid`;
    loading.close();
    const [first] = host.workerPids;
    process.kill(first as number, 'SIGTERM');
    await eventually(() => loading.waiting > 0, 'the replacement');
    assert.deepEqual(await states(host), ['1 draining', '2 booting']);
    for (let count = 0; count < 5; count++) assert.equal((await get(url)).body, String(first));
    loading.open();
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual(exit, STOPPED);
    assert.equal((await get(url)).body, String(host.workerPids[1]));
  });

  test(`an application that sends it to itself: ${name}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...options, workers: 1, app: fixture('gated.js'), env: gate.env });
    const { arrival, answer } = await gate.hold(await host.ready());
    // The test sends the signal in place of the application: the host cannot tell who did.
    for (let count = 0; count < 3; count++) process.kill(arrival.pid, 'SIGTERM');
    await host.event('worker:ready', ({ age }) => age === 2);
    arrival.release();
    assert.equal((await answer).status, 200);
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
    assert.deepEqual(await states(host), ['2 ready']);
  });
}

test('TERM to all workers, and not to the master: each is replaced, and somebody serves at all times', async (t) => {
  const loading = await createLoadGate(t);
  loading.open();
  const host = new Host(t, { workers: 2, app: fixture('waits-to-load.js') }, { env: loading.env });
  const url = await host.ready();
  loading.close();
  for (const pid of [...host.workerPids]) process.kill(pid, 'SIGTERM');
  await eventually(() => loading.waiting === 2, 'two that boot');
  // One of the old workers may have gone, since the other one was there at that moment.
  const [last = '', ...booting] = (await states(host)).slice(-3);
  assert.match(last, /draining/);
  assert.deepEqual(booting, ['3 booting', '4 booting']);
  for (let count = 0; count < 5; count++) assert.equal((await get(url)).status, 200);
  loading.open();
  await eventually(async () => (await states(host)).join() === '3 ready,4 ready', 'two others');
});

test('TERM to a worker that boots is a boot that failed', async (t) => {
  const loading = await createLoadGate(t);
  const host = new Host(t, { workers: 1, app: fixture('waits-to-load.js') }, { env: loading.env });
  await eventually(() => loading.waiting === 1, 'a worker that boots');
  process.kill(host.workerPids[0] as number, 'SIGTERM');
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_WORKER_BOOT');
  assert.equal((await host.exited()).code, 3);
});

test('of a stop while a worker stands still in its boot, nobody has to wait for the boot', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('never-boots.js'), bootTimeout: 0, gracefulTimeout: UNHURRIED });
  await host.event('worker:spawn');
  await host.until(() => host.log.includes('it hangs'), 'one that blocks');
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual((await host.event('worker:exit'))[1], { code: null, signal: 'SIGKILL', reason: 'stop' });
});
