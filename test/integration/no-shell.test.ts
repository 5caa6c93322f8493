import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { bareSystem, noBareSystem } from '../helpers/bare-system.js';
import { isNonBlocking } from '../helpers/descriptors.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { childrenOf, gone } from '../helpers/process.js';
import { eventually } from '../helpers/wait.js';

const needsMount = { skip: noBareSystem };
const nonBlocking = async (host: Host): Promise<boolean[]> =>
  (await host.workers()).map(({ pid }) => isNonBlocking(pid as number, 0));

test('no_bin_sh', needsMount, async (t) => {
  const host = new Host(t, { workers: 2 }, bareSystem(t));
  const url = await host.ready();
  assert.equal(existsSync(`/proc/${host.pid}/root/bin`), false);
  assert.equal((await get(url)).body, 'hello');
  assert.deepEqual(await nonBlocking(host), [true, true]);

  // Exit codes and signals are reported as they were, though a worker here ends by killing itself.
  assert.equal((await get(`${url}/exit?code=5`)).status, 500);
  await host.event('worker:ready', ({ age }) => age === 3);
  const [{ pid = 0 } = {}] = await host.workers();
  process.kill(pid, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 4);
  assert.deepEqual(await nonBlocking(host), [true, true]);

  // One worker leaves and none comes: the one that stays must not find a blocking socket.
  host.kill('SIGTTOU');
  await host.event('worker:exit', (_, { reason }) => reason === 'scale');
  assert.deepEqual(await nonBlocking(host), [true]);
  assert.equal((await get(url)).body, 'hello');

  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual(
    host.of('worker:exit').map(({ args: [, { code, signal, reason }] }) => [code, signal, reason]),
    [
      [5, null, 'crash'],
      [null, 'SIGKILL', 'crash'],
      [0, null, 'scale'],
      [0, null, 'stop'],
    ],
  );
});

test('no_bin_sh: a boot failure has its exit code', needsMount, async (t) => {
  const host = new Host(t, { app: fixture('throws-at-load.js') }, bareSystem(t));
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.cause.message], ['ERR_APP_LOAD', 'DATABASE_URL is not set']);
  assert.deepEqual(await host.exited(), { code: 4, signal: null });
});

test('no_bin_sh: a worker that boots leaves the socket as its siblings need it', needsMount, async (t) => {
  const gate = await createLoadGate(t);
  gate.open();
  const host = new Host(t, { app: fixture('waits-to-load.js'), workers: 2 }, { ...bareSystem(t), env: gate.env });
  await host.ready();
  gate.close();
  host.kill('SIGTTIN');
  await eventually(() => gate.waiting === 1, 'the third worker at the gate');
  assert.deepEqual(await nonBlocking(host), [true, true, true]);
  gate.open();
  await host.event('worker:ready', ({ age }) => age === 3);
});

test('no_bin_sh: workers that spin are gone when the master is killed', needsMount, async (t) => {
  const host = new Host(t, { workers: 2 }, bareSystem(t));
  const url = await host.ready();
  // One request after the other, so that no worker has accepted both.
  for (const spinning of [1, 2]) {
    (await RawClient.connect(t, url)).get('/spin');
    const active = async (): Promise<number> =>
      (await host.stats()).workers.filter((worker) => worker.active > 0).length;
    await eventually(async () => (await active()) === spinning, `${spinning} workers that spin`);
  }
  const children = childrenOf(host.pid).map(({ pid }) => pid);
  // Two workers and the guard.
  assert.equal(children.length, 3);
  host.kill('SIGKILL');
  await gone(...children);
});
