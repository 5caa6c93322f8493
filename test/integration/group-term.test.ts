/*
 * TERM to all processes of a service, as supervisors send it: to the process group, to a cgroup, or to a process tree.
 */
import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import type { Address } from '../helpers/address.js';
import { isTried } from '../helpers/amount.js';
import { type ClassUnderTest, classes } from '../helpers/classes.js';
import { Connector, where } from '../helpers/connector.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate, type LoadGate } from '../helpers/load-gate.js';
import { childrenOf, kill } from '../helpers/process.js';
import { Succession } from '../helpers/succession.js';
import { eventually } from '../helpers/wait.js';

const CLEAN = { code: 0, signal: null };
const ALL = (answered: number): unknown => ({ answered, refused: 0, reset: 0, hung: 0 });

const family = (host: Host): number[] => childrenOf(host.pid).map(({ pid }) => pid);
const terminate = (pids: readonly number[]): void => {
  for (const pid of pids) process.kill(pid, 'SIGTERM');
};

const WAYS: Readonly<Record<string, (host: Host) => void>> = {
  'the process group': (host) => terminate([-host.pid]),
  'each process, the master last': (host) => terminate([...family(host), host.pid]),
  'each process, the master first': (host) => {
    const children = family(host);
    terminate([host.pid, ...children]);
  },
};

interface Service {
  readonly host: Host;
  readonly loading: LoadGate;
  readonly address: Address;
}

/**
 * How many requests of 100 ms each place serves. Together they take longer than the drain delay, and longer than a
 * worker waits for word from its master.
 */
const EACH = 25;
const PLACES = { sync: 2, threaded: 4, async: 4 } as const;

/** Two workers that soon have no room. Their replacements do not boot before the test says so. */
async function serve(t: TestContext, { options }: ClassUnderTest, more: HostOptions = {}): Promise<Service> {
  const loading = await createLoadGate(t);
  loading.open();
  const app = fixture('waits-to-load.js');
  const narrow = options.workerClass === 'async' ? { workerConnections: 2 } : {};
  const host = new Host(t, { workers: 2, keepAlive: 100, app, ...options, ...narrow, ...more }, { env: loading.env });
  await host.event('ready');
  loading.close();
  const [address] = (await host.call('addresses')) as [Address];
  return { host, loading, address };
}

/* These tests wait for their clients, and each has processes of its own: several run at once. */
describe('TERM to all', { concurrency: 4 }, () => {
  for (const [number, each] of classes().entries()) {
    for (const [nth, drainDelay] of [0, 2_000].entries()) {
      for (const [way, [whom, act]] of Object.entries(WAYS).entries()) {
        // Covers each way with each delay, and each of both with each class.
        if (!isTried((number + way) % 2 === nth)) continue;
        test(`TERM to ${whom} resets nobody: ${each.name}, drainDelay ${drainDelay}`, async (t) => {
          const { host, address } = await serve(t, each, { drainDelay });
          const clients = new Connector(t, where(address), '/wait?ms=100');
          const count = EACH * PLACES[each.name];
          await Promise.all(Array.from({ length: count }, () => clients.connect()));
          act(host);
          await host.event('stop');
          assert.deepEqual(await clients.ended(), ALL(count), clients.failures[0]);
          assert.deepEqual(await host.exited(), CLEAN);
          assert.deepEqual(
            host.of('worker:exit').map(({ args }) => args[1]),
            Array(2).fill({ ...CLEAN, reason: 'stop' }),
          );
        });
      }
    }

    test(`TERM to all, where none serves: who boots serves those who wait, ${each.name}`, async (t) => {
      const { host, loading, address } = await serve(t, each, { workers: 1 });
      kill(host.workerPids[0] as number);
      await host.event('worker:exit');
      await eventually(() => loading.waiting > 0, 'one that boots');
      const clients = new Connector(t, where(address), '/wait?ms=20');
      await Promise.all(Array.from({ length: 20 }, () => clients.connect()));
      terminate([...family(host), host.pid]);
      await host.event('stop');
      loading.open();
      assert.deepEqual(await clients.ended(), ALL(20), clients.failures[0]);
      assert.deepEqual(await host.exited(), CLEAN);
      assert.equal(host.of('worker:ready').length, 2);
    });

    test(`TERM to all while the master is stopped: one serves on until it is there again, ${each.name}`, async (t) => {
      const { host, address } = await serve(t, each);
      const workers = (await host.workers()).map(({ pid }) => pid as number);
      t.after(() => kill(host.pid));
      host.kill('SIGSTOP');
      terminate([host.pid, ...workers]);
      // One worker may leave after a second; the other one must not.
      await eventually(() => workers.filter((pid) => family(host).includes(pid)).length === 1, 'the end of one');
      const url = `http://127.0.0.1:${(address as { port: number }).port}/`;
      assert.equal((await get(url)).status, 200);
      const clients = new Connector(t, where(address), '/wait?ms=20');
      await Promise.all(Array.from({ length: 50 }, () => clients.connect()));
      host.kill('SIGCONT');
      assert.deepEqual(await clients.ended(), ALL(50), clients.failures[0]);
      assert.deepEqual(await host.exited(), CLEAN);
    });
  }
});

test('TERM to all while the first worker boots is a stop, and no failed start', async (t) => {
  const loading = await createLoadGate(t);
  const host = new Host(t, { workers: 1, app: fixture('waits-to-load.js') }, { env: loading.env });
  await eventually(() => loading.waiting === 1, 'a worker that boots');
  terminate([...family(host), host.pid]);
  assert.deepEqual(await host.exited(), CLEAN);
  assert.deepEqual([host.of('rejected'), host.of('worker:error')], [[], []]);
});

test('TERM to all while two processes serve, after an upgrade, resets nobody', async (t) => {
  const succession = await Succession.start(t, [{ workers: 1, app: fixture('app.js') }]);
  const old = await succession.ready();
  const next = await succession.upgrade(old);
  const [address] = (await succession.call(old, 'addresses')) as [Address];
  const clients = new Connector(t, where(address), '/wait?ms=50');
  await Promise.all(Array.from({ length: 60 }, () => clients.connect()));
  const workers = [...succession.of('worker:spawn', old), ...succession.of('worker:spawn', next)];
  terminate([...workers.map(({ args }) => args[0].pid), old, next]);
  assert.deepEqual(await clients.ended(), ALL(60), clients.failures[0]);
  await succession.extinct();
});
