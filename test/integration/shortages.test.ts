import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { CLASSES } from '../helpers/classes.js';
import { Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { alive, guardOf } from '../helpers/process.js';
import { eventually } from '../helpers/wait.js';

/*
 * The host runs short of a resource, so what the master starts then does not start. The other workers serve, nothing
 * ends, and all is as before when there is enough again.
 */

type Shortage = 'nothing' | 'environment' | 'descriptors' | 'memory' | 'shm';

function starving(t: TestContext, options: HostOptions = {}, settings: HostSettings = {}): Host {
  return new Host(t, { workers: 2, ...options }, { entry: 'starves.js', ...settings });
}

async function lack(host: Host, shortOf: Shortage, left?: number): Promise<void> {
  const before = host.of('short').length;
  host.child.send({ shortOf, left });
  await host.until(() => host.of('short').length > before, `a host that is short of ${shortOf}`);
}

async function serves(url: string): Promise<void> {
  for (let times = 0; times < 3; times++) assert.equal((await get(`${url}/`)).body, 'hello');
}

/** Waits until exactly `count` workers are there, all of them ready. */
async function complete(host: Host, count = 2): Promise<void> {
  let seen: unknown;
  await eventually(
    async () => {
      const workers = await host.workers();
      seen = workers;
      return workers.length === count && workers.every(({ state }) => state === 'ready');
    },
    () => `${count} workers that are ready: ${JSON.stringify(seen)}\n${host.log}`,
  );
}

async function ends(host: Host): Promise<void> {
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
}

async function killOne(host: Host): Promise<void> {
  const [{ pid = 0 } = {}] = await host.workers();
  process.kill(pid, 'SIGKILL');
  await host.event('worker:exit', (worker) => worker.pid === pid);
}

for (const workerClass of CLASSES) {
  const options = { workerClass, ...(workerClass === 'threaded' && { threads: 2 }) };

  test(`spawn_throws: a worker that dies while there is no memory for another one, ${workerClass}`, async (t) => {
    const host = starving(t, options);
    const url = await host.ready();
    await lack(host, 'memory');
    await killOne(host);
    const [, error] = await host.event('worker:error');
    assert.deepEqual([error.code, error.cause.code], ['ERR_WORKER_BOOT', 'ENOMEM']);
    const [failed, exit] = await host.event('worker:exit', (_, { reason }) => reason === 'boot');
    assert.deepEqual([failed.pid ?? null, exit.code, exit.signal], [null, null, null]);
    // The slot waits before the next attempt, as with any other worker that fails to boot.
    await host.event('worker:backoff');
    await serves(url);
    assert.equal(await host.call('state'), 'running');
    await lack(host, 'nothing');
    await complete(host);
    await serves(url);
    await ends(host);
  });

  test(`spawn_throws: a reload whose environment is too long, ${workerClass}`, async (t) => {
    const host = starving(t, options);
    const url = await host.ready();
    await lack(host, 'environment');
    const failure = /could not be spawned: spawn E2BIG \(is a variable of the environment too long\?\)/;
    await assert.rejects(host.call('reload') as Promise<unknown>, { code: 'ERR_RELOAD_FAILED', message: failure });
    host.kill('SIGHUP');
    await host.until(() => host.of('rollback').length === 2, 'the end of the second reload');
    await complete(host);
    await serves(url);
    // The generation that serves keeps the environment that it had.
    await killOne(host);
    await complete(host);
    await lack(host, 'nothing');
    assert.equal((await (host.call('reload') as Promise<{ replaced: number }>)).replaced, 2);
    await serves(url);
    await ends(host);
  });
}

test('spawn_throws: the first start rejects', async (t) => {
  const host = starving(t, { starve: 'environment' } as object);
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.cause.code], ['ERR_WORKER_BOOT', 'E2BIG']);
  // Each exit has its spawn, though there never was a process.
  const told = host.events.filter(({ event }) => /^worker:(?:spawn|error|exit)$/.test(event));
  assert.deepEqual(
    told.filter(({ args }) => args[0].id === 1).map(({ event, args }) => [event, args[0].pid]),
    ['worker:spawn', 'worker:error', 'worker:exit'].map((event) => [event, undefined]),
  );
  assert.deepEqual(await host.exited(), { code: 3, signal: null });
});

test('spawn_throws: scale() waits until there is enough', async (t) => {
  const host = starving(t);
  const url = await host.ready();
  await lack(host, 'memory');
  const scaled = host.call('scale', 3);
  await host.event('worker:backoff');
  await serves(url);
  await lack(host, 'nothing');
  await scaled;
  await complete(host, 3);
  await ends(host);
});

test('spawn_throws: an upgrade', async (t) => {
  const host = starving(t);
  const url = await host.ready();
  await lack(host, 'environment');
  await assert.rejects(host.call('upgrade') as Promise<unknown>, { code: 'ERR_UPGRADE_FAILED', message: /E2BIG/ });
  host.kill('SIGUSR2');
  const [error] = await host.event('error');
  assert.equal(error.code, 'ERR_UPGRADE_FAILED');
  await serves(url);
  await ends(host);
});

const FEW: HostSettings = {
  execPath: 'sh',
  execArgv: ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath],
};

// With so few left, one step or another of a start fails (the file for the report, the pipe, the child itself), or none
// does.
for (const left of [0, 1, 2, 3, 4]) {
  test(`descriptors_out: a worker dies, a reload begins, with ${left} left`, async (t) => {
    const host = starving(t, {}, FEW);
    const url = await host.ready();
    await lack(host, 'descriptors', left);
    await killOne(host);
    if (left === 0) await host.event('worker:exit', (_, { reason }) => reason === 'boot');
    await serves(url);
    const reload = host.call('reload') as Promise<unknown>;
    if (left === 0) await assert.rejects(reload, { code: 'ERR_RELOAD_FAILED' });
    else await reload.catch((error) => assert.equal(error.code, 'ERR_RELOAD_FAILED'));
    await serves(url);
    await lack(host, 'nothing');
    await complete(host);
    assert.equal((await (host.call('reload') as Promise<{ replaced: number }>)).replaced, 2);
    await serves(url);
    await ends(host);
  });
}

test('descriptors_out: the guard dies, and there is another one later', async (t) => {
  const host = starving(t, {}, FEW);
  const url = await host.ready();
  const guard = guardOf(host.pid);
  await lack(host, 'descriptors');
  process.kill(guard, 'SIGKILL');
  // The master tells of it after some failures, and tries again from then on.
  const [error] = await host.event('error');
  assert.deepEqual([error.code, error.cause.code], ['ERR_GUARD', 'EMFILE']);
  await serves(url);
  await lack(host, 'nothing');
  let second = guard;
  await eventually(() => {
    try {
      second = guardOf(host.pid);
      return true;
    } catch {
      return false;
    }
  }, 'another guard');
  // The new guard knows the workers.
  const pids = (await host.workers()).map(({ pid }) => pid as number);
  host.kill('SIGKILL');
  await eventually(() => ![...pids, second].some(alive), 'the end of all');
});
