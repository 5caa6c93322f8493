import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { WorkerInfo } from 'prefork';
import { alive, fixture, type Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { gone } from '../helpers/process.js';
import { sharing } from '../helpers/shared.js';
import { holders, hostWithSpares, spares } from '../helpers/spares.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** One slot: these tests claim nothing about several. */
const oneWithSpares: typeof hostWithSpares = (t, options, env) => hostWithSpares(t, { workers: 1, ...options }, env);

/** The reasons for which spares have ended. */
const ends = (host: Host): unknown[] =>
  host.of('worker:exit').flatMap(({ args: [{ id }, { reason }] }) => (id === 0 ? [reason] : []));

function flag(t: TestContext): { path: string; raise: () => void; lower: () => void } {
  const path = join(temporaryFolder(t), 'flag');
  return { path, raise: () => writeFileSync(path, ''), lower: () => rmSync(path) };
}

for (const [how, workerClass, end, reason] of [
  ['is killed', 'sync', 'SIGKILL', 'crash'],
  ['throws', 'sync', 'SIGUSR2', 'crash'],
  ['gets TERM', 'sync', 'SIGTERM', 'stop'],
  ['is killed, threaded', 'threaded', 'SIGKILL', 'crash'],
  ['gets TERM, threaded', 'threaded', 'SIGTERM', 'stop'],
] as const) {
  test(`a spare that ${how} is replaced, and that is all`, async (t) => {
    // With the next spare the host is as it was, so it can be shared.
    const options = { workerClass, ...(workerClass === 'threaded' && { threads: 2 }) };
    const host = await sharing(t, { workers: 1, spares: 1, app: fixture('spare-app.js'), ...options });
    await host.ready();
    const [spare] = (await spares(host)) as [WorkerInfo];
    process.kill(spare.pid as number, end);
    await host.event('worker:exit', ({ pid }) => pid === spare.pid);
    const [next] = (await spares(host)) as [WorkerInfo];
    assert.notEqual(next.pid, spare.pid);
    assert.deepEqual(ends(host), [reason]);
    const errors = host.of('worker:error').map(({ args: [, { message }] }) => message);
    assert.deepEqual(errors, how === 'throws' ? ['told to throw'] : []);
    const { degraded, failing, totals } = await host.stats();
    assert.deepEqual([degraded, failing, totals.respawns], [false, [], 0]);
    assert.deepEqual(
      (await holders(host)).map(({ age }) => age),
      [1],
    );
  });
}

test('a spare whose event loop stands still is ended and replaced', async (t) => {
  const { host } = await oneWithSpares(t, { timeout: 500 }, { ON_USR2: 'spin' });
  await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  process.kill(spare.pid as number, 'SIGUSR2');
  const [worker, { clock }] = await host.event('worker:timeout');
  assert.deepEqual([worker.pid, worker.id, clock], [spare.pid, 0, 'loop']);
  await host.event('worker:exit', ({ pid }) => pid === spare.pid);
  await spares(host);
  assert.deepEqual(ends(host), ['timeout']);
});

test('spares that cannot boot wait longer and longer, and end nothing', async (t) => {
  const fails = flag(t);
  const { host } = await oneWithSpares(t, {}, { FAILS: fails.path });
  const url = await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  fails.raise();
  process.kill(spare.pid as number, 'SIGKILL');
  const [, { failures }] = await host.event('worker:backoff', (_, backoff) => backoff.failures === 4);
  assert.equal(failures, 4);
  assert.deepEqual(
    host.of('worker:backoff').map(({ args: [id] }) => id),
    host.of('worker:backoff').map(() => 0),
  );
  // A wait precedes each attempt but the first: after the first death of a line, the next spare comes at once.
  assert.deepEqual(ends(host).slice(0, 4), ['crash', 'boot', 'boot', 'boot']);
  const [, error] = await host.event('worker:error', ({ id }) => id === 0);
  assert.deepEqual(
    [error.code, error.message],
    ['ERR_APP_LOAD', 'spare: the application failed to load: told not to load'],
  );
  assert.match(host.log, /spare \(pid \d+\): the application failed to load/);
  assert.match(host.log, /spare is replaced in/);
  assert.equal((await get(url)).status, 200);
  const { state, degraded, workers } = await host.stats();
  assert.deepEqual([state, degraded, workers.filter(({ id }) => id > 0).length], ['running', false, 1]);
  fails.lower();
  await spares(host);
});

test('a spare that does not boot in time is ended', async (t) => {
  const { host, load } = await oneWithSpares(t, { bootTimeout: 5_000 });
  load.close();
  await eventually(() => load.waiting === 1, 'one that loads');
  load.admit();
  await host.ready();
  const [worker, { clock }] = await host.event('worker:timeout');
  assert.deepEqual([worker.id, clock], [0, 'boot']);
  load.open();
  await spares(host);
  assert.equal((await host.stats()).state, 'running');
  assert.equal(ends(host)[0], 'timeout');
});

test('a slot that fails again and again gets no spare: its loop is as long as without', async (t) => {
  const { host } = await oneWithSpares(t, { spares: 2 });
  await host.ready();
  const [spare] = (await spares(host, 2)) as [WorkerInfo];
  const [first] = (await holders(host)) as [WorkerInfo];
  // Each worker of the slot is killed as soon as it is ready.
  for (let deaths = 1, pid = first.pid as number; deaths <= 5; deaths++) {
    process.kill(pid, 'SIGKILL');
    if (deaths === 5) break;
    await host.until(() => host.of('worker:ready').length === 1 + deaths, `worker ${deaths}`);
    const [worker] = host.of('worker:ready').at(-1)?.args ?? [];
    assert.equal(worker.id, 1);
    pid = worker.pid;
  }
  await host.event('worker:backoff', (id, { failures }) => id === 1 && failures === 5);
  const slot = host.events.flatMap(({ event, args: [of] }) => (of?.id === 1 ? [event] : []));
  const loop = slot.slice(slot.indexOf('worker:exit'));
  const again = ['worker:spawn', 'worker:ready', 'worker:exit'];
  // After the first death, a spare takes the slot. From then on, each attempt starts a process of its own, though
  // another spare waits. A wait is random, and may be none.
  assert.deepEqual(loop, ['worker:exit', 'worker:ready', 'worker:exit', ...again, ...again, ...again], host.log);
  const [, second] = host.of('worker:ready').map(({ args: [{ pid }] }) => pid);
  assert.equal(second, spare.pid);
  // No spare was started while the host was degraded: at most one was before that.
  const at = host.events.findIndex(({ event }) => event === 'degraded');
  const started = host.events.slice(at).filter(({ event, args: [of] }) => event === 'worker:spawn' && of.id === 0);
  assert.deepEqual(started, [], host.log);
  await host.event('recovered');
  await spares(host, 2);
});

test('a spare that is lost while it takes a slot costs the slot no wait', async (t) => {
  const { host } = await oneWithSpares(t, {});
  await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  const [first] = (await holders(host)) as [WorkerInfo];
  // A stopped spare does not hear that it has a slot.
  process.kill(spare.pid as number, 'SIGSTOP');
  process.kill(first.pid as number, 'SIGKILL');
  await eventually(async () => (await holders(host)).some(({ pid }) => pid === spare.pid), 'a spare with a slot');
  process.kill(spare.pid as number, 'SIGKILL');
  const [worker] = await host.event('worker:ready', ({ id, age }) => id === 1 && age > 2);
  await host.event('worker:spare', ({ age }) => age > worker.age);
  const [lost, { reason }] = await host.event('worker:exit', ({ pid }) => pid === spare.pid);
  assert.deepEqual([lost.id, reason, host.of('worker:backoff')], [1, 'crash', []]);
  assert.equal((await host.stats()).degraded, false);
});

test('a spare that does not get to serve has bootTimeout for it', async (t) => {
  const { host } = await oneWithSpares(t, { bootTimeout: 5_000 });
  await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  const [first] = (await holders(host)) as [WorkerInfo];
  process.kill(spare.pid as number, 'SIGSTOP');
  process.kill(first.pid as number, 'SIGKILL');
  const [worker, { clock }] = await host.event('worker:timeout');
  assert.deepEqual([worker.pid, worker.id, clock], [spare.pid, 1, 'boot']);
  await host.event('worker:ready', ({ id, age }) => id === 1 && age > 2);
});

test('after a reload that is rolled back, the spare is still there', async (t) => {
  const fails = flag(t);
  const { host } = await oneWithSpares(t, {}, { FAILS: fails.path });
  await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  fails.raise();
  await assert.rejects(host.call('reload'), { code: 'ERR_RELOAD_FAILED' });
  const [kept] = (await spares(host)) as [WorkerInfo];
  assert.deepEqual([kept.pid, kept.generation], [spare.pid, 1]);
  const [first] = (await holders(host)) as [WorkerInfo];
  process.kill(first.pid as number, 'SIGKILL');
  await host.event('worker:ready', ({ pid }) => pid === spare.pid);
});

test('all go by WINCH, spares too, and come again', async (t) => {
  const { host } = await oneWithSpares(t, {});
  await host.ready();
  await spares(host);
  host.kill('SIGWINCH');
  await host.until(() => host.of('worker:exit').length === 2, 'the end of all');
  assert.deepEqual([ends(host), await host.workers()], [['stop'], []]);
  host.kill('SIGTTIN');
  await spares(host);
  assert.equal((await holders(host)).length, 2);
});

for (const signal of ['SIGTERM', 'SIGQUIT'] as const) {
  for (const state of ['boots', 'waits', 'takes a slot', 'takes a slot and does not hear of it'] as const) {
    test(`a stop by ${signal} while a spare ${state}`, async (t) => {
      // With one worker, such a spare would be the only one that can look after the queue, and would have
      // gracefulTimeout for that.
      const { host, load } = await oneWithSpares(t, { workers: state.endsWith('hear of it') ? 2 : 1 });
      await host.ready();
      const [spare] = (await spares(host)) as [WorkerInfo];
      const [first] = (await holders(host)) as [WorkerInfo];
      if (state === 'boots') {
        load.close();
        process.kill(spare.pid as number, 'SIGKILL');
        await eventually(() => load.waiting === 1, 'a spare that loads');
      } else if (state === 'takes a slot') {
        // The stopped master learns of the death and of its own end at once.
        host.kill('SIGSTOP');
        process.kill(first.pid as number, 'SIGKILL');
        await gone(first.pid as number);
      } else if (state !== 'waits') {
        process.kill(spare.pid as number, 'SIGSTOP');
        process.kill(first.pid as number, 'SIGKILL');
        await eventually(async () => (await holders(host)).some(({ pid }) => pid === spare.pid), 'a spare with a slot');
      }
      host.kill(signal);
      host.kill('SIGCONT');
      assert.deepEqual(await host.exited(), { code: 0, signal: null });
      assert.deepEqual(host.workerPids.filter(alive), []);
      assert.deepEqual([host.of('error'), host.of('worker:timeout'), host.of('worker:error')], [[], [], []]);
      const killed = state === 'boots' ? spare.pid : first.pid;
      const others = host.of('worker:exit').filter(({ args: [{ pid }] }) => state === 'waits' || pid !== killed);
      assert.deepEqual(
        others.map(({ args: [, { reason }] }) => reason),
        others.map(() => 'stop'),
        host.log,
      );
    });
  }
}
