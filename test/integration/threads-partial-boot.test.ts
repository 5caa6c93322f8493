import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate, type LoadGate } from '../helpers/load-gate.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/* A worker with threads serves as soon as one of them is up. What ends it then is not a failed boot. */

interface World {
  readonly host: Host;
  readonly gate: Gate;
  readonly loads: LoadGate;
}

/** A host whose threads load when the test lets them. */
async function world(t: TestContext, options: HostOptions = {}): Promise<World> {
  const [gate, loads] = [await Gate.open(t), await createLoadGate(t)];
  const all = { workers: 1, threads: 2, workerClass: 'threaded', app: fixture('dies-half-booted.js'), ...options };
  const host = new Host(t, all as HostOptions, { env: { ...gate.env, LOAD_GATE: loads.env.GATE } });
  return { host, gate, loads };
}

/** A host that serves and is being reloaded: the threads of the new generation load when the test lets them. */
async function reloading(t: TestContext): Promise<World & { given: World; reloaded: Promise<unknown> }> {
  const given = await world(t);
  const { host, loads } = given;
  loads.open();
  await host.event('ready');
  loads.close();
  const reloaded = host.call('reload');
  reloaded.catch(() => undefined);
  return { ...given, given, reloaded };
}

/** Sends a request as soon as somebody listens. */
async function request(t: TestContext, host: Host, path: string): Promise<RawClient> {
  let client: RawClient | undefined;
  const url = await host.url();
  await eventually(async () => {
    client = await RawClient.connect(t, url).catch(() => undefined);
    return client !== undefined;
  }, 'a thread that listens');
  return (client as RawClient).get(path);
}

/** Lets one thread load, and has it hold a request; returns the pid of its process. */
async function half(t: TestContext, { host, gate, loads }: World, path = '/held'): Promise<number> {
  await eventually(() => loads.waiting === 2, 'two threads that boot');
  loads.admit();
  const client = await request(t, host, path);
  client.onError(() => undefined);
  const { pid } = await gate.next();
  return pid;
}

test('at the start: a worker that dies with a request while a thread boots is replaced, and the start goes on', async (t) => {
  const given = await world(t);
  const { host, loads } = given;
  const pid = await half(t, given);
  process.kill(pid, 'SIGKILL');
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual([exit.reason, exit.signal, exit.request?.url], ['crash', 'SIGKILL', '/held']);
  await host.event('worker:spawn', ({ age }) => age === 2);
  loads.open();
  await host.event('ready');
  const { totals } = await host.stats();
  assert.deepEqual([totals.crashes, totals.respawns], [1, 1]);
  assert.equal(host.of('rejected').length, 0);
});

test('at the start: V8 ends it in the same way, and says why', async (t) => {
  const given = await world(t, { resourceLimits: { maxOldGenerationSizeMb: 32 } });
  const { host, loads } = given;
  await eventually(() => loads.waiting === 2, 'two threads that boot');
  loads.admit();
  await request(t, host, '/fatal');
  const [, { reason, signal, request: named }] = await host.event('worker:exit');
  assert.deepEqual([reason, signal, named?.url], ['crash', 'SIGABRT', '/fatal']);
  const [, error] = await host.event('worker:error');
  assert.equal(error.code, 'ERR_WORKER_OUT_OF_MEMORY');
  loads.open();
  await host.event('ready');
});

test('at the start: one that has not served has failed to boot', async (t) => {
  const { host, loads } = await world(t);
  await eventually(() => loads.waiting === 2, 'two threads that boot');
  loads.admit();
  // The connection shows that the thread listens.
  (await request(t, host, '')).leave();
  process.kill(host.workerPids[0] as number, 'SIGKILL');
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_WORKER_BOOT');
  const [, { reason }] = await host.event('worker:exit');
  assert.equal(reason, 'boot');
});

test('at the start: a thread that has been ready counts as booted, also when it dies meanwhile', async (t) => {
  const given = await world(t);
  const { host, gate, loads } = given;
  const pid = await half(t, given);
  gate.arrivals[0]?.release();
  await request(t, host, '/exit');
  await host.event('thread:exit');
  // The replacement of the thread boots too, and waits behind the other thread.
  await eventually(() => loads.waiting === 2, 'the replacement');
  loads.admit();
  await host.event('ready');
  assert.equal(loads.waiting, 1);
  assert.deepEqual(host.workerPids, [pid]);
});

// These tests wait for threads and for the pauses after deaths, so they run all at once, each on a host of its own.
describe('in a reload', { concurrency: true }, () => {
  test('in a reload: no roll-back, another worker of the new generation is tried', async (t) => {
    const { given, host, gate, loads, reloaded } = await reloading(t);
    const dead = await heldByNew(t, given);
    process.kill(dead, 'SIGKILL');
    const [, exit] = await host.event('worker:exit', ({ pid }) => pid === dead);
    assert.deepEqual([exit.reason, exit.request?.url], ['crash', '/held']);
    await host.event('worker:spawn', ({ generation, pid }) => generation === 2 && pid !== dead);
    loads.open();
    for (const arrival of gate.arrivals) if (arrival.held) arrival.release();
    assert.deepEqual(await reloaded, { generation: 2, replaced: 1 });
    assert.equal(host.of('rollback').length, 0);
  });

  test('in a reload: a thread that dies while another one boots rolls nothing back', async (t) => {
    const { given, host, gate, loads, reloaded } = await reloading(t);
    const pid = await heldByNew(t, given, '/then-exits');
    gate.arrivals.find((arrival) => arrival.pid === pid)?.release();
    await host.event('thread:exit', (worker) => worker.pid === pid);
    loads.open();
    for (const arrival of gate.arrivals) if (arrival.held) arrival.release();
    assert.deepEqual(await reloaded, { generation: 2, replaced: 1 });
  });

  test('in a reload: a release whose workers die again and again in that way is rolled back', async (t) => {
    const { given, host, gate, reloaded } = await reloading(t);
    for (let death = 0; death < 5; death++) {
      const dead = await heldByNew(t, given);
      process.kill(dead, 'SIGKILL');
      await host.event('worker:exit', ({ pid }) => pid === dead);
    }
    const [error] = await host.event('rollback');
    assert.match(error.message, /ended while it served and some of its threads booted \(crash, SIGKILL\)$/);
    for (const arrival of gate.arrivals) if (arrival.held) arrival.release();
    await assert.rejects(reloaded, { code: 'ERR_RELOAD_FAILED' });
  });
});

/**
 * Lets one thread of the new generation load, and has it hold a request. Threads of the old one may take some first.
 */
async function heldByNew(t: TestContext, { host, gate, loads }: World, path = '/held'): Promise<number> {
  let fresh = 0;
  await eventually(() => {
    fresh = host.of('worker:spawn').at(-1)?.args[0].pid;
    return loads.waiting === 2 && loads.waits(fresh);
  }, 'two threads that boot');
  loads.admit(fresh);
  for (;;) {
    await request(t, host, path);
    const arrival = await gate.next();
    if (arrival.pid === fresh) return fresh;
  }
}
