import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Address } from '../helpers/address.js';
import { amount } from '../helpers/amount.js';
import { CLASSES, single } from '../helpers/classes.js';
import { Connector, untilRefused, where } from '../helpers/connector.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

const CLEAN = { code: 0, signal: null };
const ALL = (answered: number): unknown => ({ answered, refused: 0, reset: 0, hung: 0 });

/** Clients in the queues: far more than the workers have room for. */
const QUEUE = amount({ suite: 100, long: 200 });
/** Workers that soon have no room. */
const NARROW: Readonly<Record<string, (t: TestContext) => HostOptions>> = {
  sync: () => ({ workerClass: 'sync', workers: 2 }),
  async: () => ({ workerClass: 'async', workers: 2, workerConnections: 2 }),
  threaded: () => ({ workerClass: 'threaded', workers: 2, threads: 2 }),
  unix: (t) => ({ workerClass: 'sync', workers: 2, bind: `unix:${join(temporaryFolder(t), 'socket')}` }),
  'two addresses': () => ({ workerClass: 'sync', workers: 2, bind: ['127.0.0.1:0', '127.0.0.1:0'] }),
  'two addresses of threads': () => ({
    ...{ workerClass: 'threaded', workers: 2, threads: 2 },
    bind: ['127.0.0.1:0', '127.0.0.1:0'],
  }),
};

for (const [kind, options] of Object.entries(NARROW)) {
  test(`stop_drains_backlog_zero_reset: ${kind}, clients in the queue`, async (t) => {
    const host = new Host(t, { ...options(t), keepAlive: 100 });
    await host.event('ready');
    const addresses = (await host.call('addresses')) as Address[];
    const clients = addresses.map((address) => new Connector(t, where(address), '/wait?ms=20'));
    const each = QUEUE / clients.length;
    for (const client of clients) await Promise.all(Array.from({ length: each }, () => client.connect()));
    host.kill('SIGTERM');
    for (const client of clients) assert.deepEqual(await client.ended(), ALL(each), client.failures[0]);
    assert.deepEqual(await host.exited(), CLEAN);
    assert.deepEqual(
      host.of('worker:exit').map(({ args: [, { code, signal, reason }] }) => ({ code, signal, reason })),
      Array(2).fill({ ...CLEAN, reason: 'stop' }),
    );
    for (const address of addresses) if (typeof address === 'string') assert.ok(!existsSync(address));
  });
}

/** Answers before the stop. */
const ANSWERS = amount({ suite: 400, long: 4_000 });
/** Workers that can take 2,000 connections per second. */
const WIDE: Readonly<Record<string, (t: TestContext) => HostOptions>> = {
  sync: () => ({ workerClass: 'sync', workers: 2 }),
  async: () => ({ workerClass: 'async', workers: 1 }),
  threaded: () => ({ workerClass: 'threaded', workers: 1, threads: 2 }),
  unix: (t) => ({ workerClass: 'sync', workers: 2, bind: `unix:${join(temporaryFolder(t), 'socket')}` }),
};

for (const [kind, options] of Object.entries(WIDE)) {
  test(`stop_drains_backlog_zero_reset: ${kind}, 2,000 connections per second`, async (t) => {
    const host = new Host(t, { ...options(t), drainDelay: 500, keepAlive: 100 });
    await host.event('ready');
    const [address] = (await host.call('addresses')) as [Address];
    const clients = new Connector(t, where(address));
    clients.begin(2_000);
    await eventually(
      () => clients.counts.answered >= ANSWERS,
      () => `${ANSWERS} answers`,
    );
    host.kill('SIGTERM');
    // This is when a readiness check turns false.
    await host.event('stop');
    clients.stop();
    const counts = await clients.ended();
    assert.deepEqual(counts, ALL(counts.answered), clients.failures[0]);
    assert.deepEqual(await host.exited(), CLEAN);
  });
}

for (const workerClass of CLASSES) {
  test(`stop_drains_backlog_zero_reset: new clients are refused while a slow request ends, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    // The worker that has no room cannot check whether clients wait: the other one does.
    const options = { workers: 2, gracefulTimeout: 2 ** 31 - 1, app: fixture('gated.js'), env: gate.env };
    const host = new Host(t, { ...single(workerClass), ...options });
    const { arrival, answer } = await gate.hold(await host.ready());
    const [address] = (await host.call('addresses')) as [Address];
    host.kill('SIGTERM');
    await host.event('stop');
    let resets = 0;
    await eventually(async () => {
      const late = new Connector(t, where(address));
      const arrivals = gate.arrivals.length;
      await late.connect();
      // A client that was let in is served.
      if (late.counts.refused === 0) {
        let isOver = false;
        void late.ended().then(() => {
          isOver = true;
        });
        // Not `next()`: if nobody comes, its deadline would keep this file for half a minute.
        await eventually(() => isOver || gate.arrivals.length > arrivals, 'its arrival, or its end');
        gate.arrivals[arrivals]?.release();
      }
      const { refused, reset, hung } = await late.ended();
      // Between the last check of the queue and the close, there is an instant in which a client that does not care
      // about the stop may be reset.
      resets += reset;
      assert.ok(resets <= 1 && hung === 0, late.failures[0]);
      if (refused === 1) assert.equal(gate.arrivals.length, arrivals);
      return refused === 1;
    }, 'a client that is refused');
    assert.ok(arrival.held);
    arrival.release();
    assert.equal((await answer).status, 200);
    assert.deepEqual(await host.exited(), CLEAN);
  });
}

for (const workerClass of CLASSES) {
  test(`stop_drains_backlog_zero_reset: a request that hangs when the sockets are gone gets its 504, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const options = { workers: 2, timeout: 1_000, app: fixture('spins-when-told.js'), env: gate.env };
    const host = new Host(t, { ...single(workerClass), ...options });
    const { arrival, answer } = await gate.hold(await host.ready());
    const [address] = (await host.call('addresses')) as [Address];
    host.kill('SIGTERM');
    await host.event('stop');
    await untilRefused(where(address));
    arrival.release();
    assert.equal((await answer).status, 504);
    const [, { answered }] = await host.event('worker:timeout');
    assert.equal(answered, true);
    assert.deepEqual(await host.exited(), CLEAN);
  });
}
