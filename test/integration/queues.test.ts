import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Arbiter, type QueueStats } from 'prefork';
import { bindTcp } from '../../build/system/socket.js';
import type { Address } from '../helpers/address.js';
import { Connector, where } from '../helpers/connector.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const linux = { skip: existsSync('/proc/net/tcp') ? false : 'this system does not tell' };

const CLASSES: Readonly<Record<string, HostOptions>> = {
  sync: { workerClass: 'sync' },
  threaded: { workerClass: 'threaded', threads: 1 },
  async: { workerClass: 'async', workerConnections: 1 },
};

/** A host with one worker that has one place, and a client that has it, at the first address. */
async function busy(t: TestContext, options: HostOptions): Promise<{ host: Host; gate: Gate; addresses: Address[] }> {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('gated.js'), timeout: 0, ...options }, { env: gate.env });
  await host.event('ready');
  const addresses = (await host.call('addresses')) as Address[];
  await crowd(t, addresses[0] as Address, 1);
  await gate.next();
  return { host, gate, addresses };
}

/** So many clients that are connected. */
async function crowd(t: TestContext, address: Address, clients: number): Promise<Connector> {
  const connector = new Connector(t, where(address));
  await Promise.all(Array.from({ length: clients }, () => connector.connect()));
  return connector;
}

async function waiting(host: Host): Promise<(number | undefined)[]> {
  return (await host.stats()).queues.map((queue) => queue.waiting);
}

async function waitingBecomes(host: Host, ...expected: number[]): Promise<void> {
  let seen: unknown;
  await eventually(
    async () => {
      seen = await waiting(host);
      return JSON.stringify(seen) === JSON.stringify(expected);
    },
    () => `${expected} waiting, ${JSON.stringify(seen)} seen`,
  );
}

/** Lets every request through, from now on. */
function openWide(gate: Gate): void {
  for (const arrival of gate.arrivals) if (arrival.held) arrival.release();
  const next = (): void => {
    gate.next().then(
      (arrival) => {
        arrival.release();
        next();
      },
      () => undefined,
    );
  };
  next();
}

for (const [name, options] of Object.entries(CLASSES)) {
  test(`queue_visible: stats() has how many wait at each address, ${name}`, linux, async (t) => {
    const path = join(temporaryFolder(t), 'é.sock');
    const bind = ['127.0.0.1:0', '[::1]:0', `unix:${path}`, ':0'];
    const { host, addresses } = await busy(t, { ...options, bind, backlog: 64 });
    assert.deepEqual(await waiting(host), [0, 0, 0, 0]);
    for (const [index, clients] of [3, 4, 5, 6].entries()) await crowd(t, addresses[index] as Address, clients);
    await waitingBecomes(host, 3, 4, 5, 6);
    const { queues } = await host.stats();
    assert.deepEqual(
      queues.map(({ address, backlog }) => ({ address, backlog })),
      addresses.map((address) => ({ address, backlog: 64 })),
    );
    // Another worker takes one of the waiting clients.
    await host.call('scale', 2);
    const sum = async (): Promise<number> => (await waiting(host)).reduce((all: number, one) => all + (one ?? 0), 0);
    await eventually(async () => (await sum()) === 17, '17 waiting');
  });
}

test('queue_visible: before somebody listens nothing is known, and after the stop there is none', linux, async (t) => {
  const load = await createLoadGate(t);
  const settings = { env: { ...load.env, HOST_STAYS: '1' } };
  const host = new Host(t, { app: fixture('waits-to-load.js'), workers: 1 }, settings);
  await host.event('worker:spawn');
  assert.deepEqual(await waiting(host), [undefined]);
  load.open();
  await host.event('ready');
  assert.deepEqual(await waiting(host), [0]);
  await host.call('stop');
  assert.deepEqual(await waiting(host), []);
});

test(
  'queue_visible: an event comes above half, not at half, and another one when it has come down',
  linux,
  async (t) => {
    const path = join(temporaryFolder(t), 'socket');
    const { host, gate, addresses } = await busy(t, { bind: ['127.0.0.1:0', '127.0.0.1:0', { path }], backlog: 8 });
    const [tcp, half, unix] = addresses as [Address, Address, Address];
    // The master checks all three queues in the same way.
    const crowds = [await crowd(t, half, 4), await crowd(t, tcp, 5), await crowd(t, unix, 5)];
    for (const address of [tcp, unix]) {
      const [queue] = await host.event(
        'queue:high',
        (told) => JSON.stringify(told.address) === JSON.stringify(address),
      );
      assert.deepEqual(queue, { address, waiting: 5, backlog: 8 });
    }
    assert.equal(host.of('queue:normal').length, 0);
    openWide(gate);
    for (const address of [tcp, unix]) {
      await host.event('queue:normal', (told) => JSON.stringify(told.address) === JSON.stringify(address));
    }
    for (const clients of crowds) {
      const { answered, ...lost } = await clients.ended();
      assert.deepEqual([answered > 0, lost], [true, { refused: 0, reset: 0, hung: 0 }]);
    }
    // No event told of the queue that was half full, though it was checked as often.
    assert.deepEqual([host.of('queue:high').length, host.of('queue:normal').length], [2, 2]);
    assert.equal(host.of('queue:cut').length, 0);
  },
);

test('queue_visible: where nobody serves, the queue is told of too', linux, async (t) => {
  const host = new Host(t, { workers: 1, backlog: 4, timeout: 0 });
  await host.event('ready');
  host.kill('SIGWINCH');
  await host.event('worker:exit');
  const [address] = (await host.call('addresses')) as [Address];
  const clients = await crowd(t, address, 4);
  await host.event('queue:high', ({ waiting: number }) => number === 4);
  // The call brings workers back.
  await host.call('scale', 2);
  assert.equal((await clients.ended()).answered, 4);
  await host.event('queue:normal', ({ waiting: number }) => number === 0);
});

test('queue_visible: of an inherited socket too, whoever listens', linux, async (t) => {
  const socket = bindTcp('127.0.0.1', 0);
  t.after(() => socket.close());
  const gate = await Gate.open(t);
  const options = { app: fixture('gated.js'), env: gate.env, workers: 1, signals: false, logger: false } as const;
  const arbiter = new Arbiter({ ...options, bind: { fd: socket.fd }, backlog: 32 });
  t.after(() => arbiter.stop({ graceful: false }));
  await arbiter.start();
  const address = socket.address as AddressInfo;
  await crowd(t, address, 1);
  await gate.next();
  await crowd(t, address, 7);
  await eventually(() => arbiter.stats().queues[0]?.waiting === 7, '7 waiting');
  assert.deepEqual(arbiter.stats().queues, [{ address, waiting: 7, backlog: 32 }]);
});

test('queue_visible: a backlog that the system cuts is told of once', linux, async (t) => {
  const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
  const path = join(temporaryFolder(t), 'socket');
  const host = new Host(t, { bind: ['127.0.0.1:0', { path }], backlog: most + 1_000, logger: true });
  await host.event('ready');
  const backlogs = async (): Promise<unknown[]> =>
    ((await host.stats()).queues as QueueStats[]).map((queue) => queue.backlog);
  assert.deepEqual(await backlogs(), [most, most]);
  await host.call('reload');
  assert.deepEqual(
    host.of('queue:cut').map(({ args }) => args),
    [[{ asked: most + 1_000, backlog: most }]],
  );
  assert.equal(host.log.match(/"msg":"the system holds only/g)?.length, 1);
});

test('queue_visible: a backlog that the system grants is not told of', linux, async (t) => {
  const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
  const host = new Host(t, { backlog: most });
  await host.event('ready');
  assert.deepEqual((await host.stats()).queues[0]?.backlog, most);
  assert.equal(host.of('queue:cut').length, 0);
});
