/* What may happen in the middle of a reload, step by step: new workers boot when the test lets them. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { ownPace } from '../helpers/pace.js';
import { gone } from '../helpers/process.js';
import { RecyclingHost, replay } from '../helpers/recycling.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

ownPace();

type Outcome = { generation: number; replaced: number } | { code: string; message: string };

/** Begins a reload; resolves with its outcome, whether it fails or not. */
function reload(host: Host): Promise<Outcome> {
  return (host.call('reload') as Promise<Outcome>).catch((error: Outcome) => error);
}

async function code(outcome: Promise<Outcome>): Promise<string> {
  return ((await outcome) as { code: string }).code;
}

/** A reload has begun: its first new worker boots, and waits to be let in. */
async function begun(
  t: TestContext,
  workers: number,
  surge = 1,
): Promise<{ host: RecyclingHost; outcome: Promise<Outcome> }> {
  const host = await RecyclingHost.running(t, { workers, surge });
  const outcome = reload(host);
  await host.boots(workers + 1, surge);
  return { host, outcome };
}

/** Age, generation and state of all that live. */
async function crew(host: Host): Promise<string[]> {
  return (await host.workers()).map(({ age, generation, state }) => `${age} of ${generation} ${state}`);
}

async function becomes(host: Host, expected: readonly string[]): Promise<void> {
  let seen: string[] = [];
  await eventually(
    async () => {
      seen = await crew(host);
      return seen.join() === expected.join();
    },
    () => `${expected}, ${seen} seen`,
  );
}

const SECOND = { generation: 2, replaced: 2 };

test('second_reload_queued', async (t) => {
  const { host, outcome } = await begun(t, 1);
  // All requests that come during a reload, also those by signal, share one reload after it.
  const queued = [reload(host), reload(host)];
  host.kill('SIGHUP');
  await host.event('signal');
  queued.push(reload(host));
  await host.stats();
  assert.equal(host.of('reload').length, 1);
  host.gate.open();
  assert.deepEqual(await outcome, { generation: 2, replaced: 1 });
  assert.deepEqual(await Promise.all(queued), Array(3).fill({ generation: 3, replaced: 1 }));
  assert.deepEqual([host.of('reload').length, host.of('reloaded').length], [2, 2]);
  assert.deepEqual(await crew(host), ['3 of 3 ready']);
  assert.deepEqual((await host.stats()).totals.reloads, 2);
});

test('second_reload_queued: behind one that fails', async (t) => {
  const { host, outcome } = await begun(t, 1);
  const second = reload(host);
  await host.stats();
  host.signal(2, 'SIGKILL');
  assert.equal(await code(outcome), 'ERR_RELOAD_FAILED');
  await host.boots(3);
  host.gate.open();
  assert.deepEqual(await second, { generation: 3, replaced: 1 });
});

/** Everything ends by TERM, and the caller is told that the reload does not come to its end. */
async function ends(host: Host, outcome: Promise<Outcome>): Promise<void> {
  assert.equal(await code(outcome), 'ERR_STATE');
  await host.event('stopped');
  assert.equal(host.of('reloaded').length + host.of('rollback').length + host.of('worker:error').length, 0);
  const { workerPids } = host;
  host.child.disconnect();
  await gone(host.pid, ...workerPids);
}

test('term_during_reload: while a new worker boots', async (t) => {
  const { host, outcome } = await begun(t, 2);
  const queued = reload(host);
  host.kill('SIGTERM');
  await ends(host, outcome);
  assert.equal(await code(queued), 'ERR_STATE');
});

test('term_during_reload: while one soaks', async (t) => {
  const { host, outcome } = await begun(t, 2);
  await host.admit(3);
  host.kill('SIGTERM');
  await ends(host, outcome);
  assert.equal(host.of('worker:spawn').length, 3);
});

test('term_during_reload: while an old one drains', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('gated.js'), env: gate.env }, { env: { HOST_STAYS: '1' } });
  const { arrival, answer } = await gate.hold(await host.ready());
  const outcome = reload(host);
  await becomes(host, ['1 of 1 draining', '2 of 2 ready']);
  host.kill('SIGTERM');
  await host.event('stop');
  assert.equal(await code(outcome), 'ERR_STATE');
  arrival.release();
  assert.equal((await answer).status, 200);
  await ends(host, outcome);
});

test('worker_dies_mid_reload: an old one is replaced by the old generation at once', async (t) => {
  const { host, outcome } = await begun(t, 2);
  host.signal(2, 'SIGKILL');
  await host.boots(4, 2);
  assert.deepEqual(await crew(host), ['1 of 1 ready', '3 of 2 booting', '4 of 1 booting']);
  await host.admit(4);
  await host.admit(3);
  await host.boots(5);
  await host.admit(5);
  assert.deepEqual(await outcome, SECOND);
  assert.deepEqual(await crew(host), ['3 of 2 ready', '5 of 2 ready']);
  const { crashes, respawns } = (await host.stats()).totals;
  assert.deepEqual({ crashes, respawns }, { crashes: 1, respawns: 1 });
});

test('worker_dies_mid_reload: an old one beside the one that is to replace it', async (t) => {
  const { host, outcome } = await begun(t, 1);
  host.signal(1, 'SIGKILL');
  await host.boots(3, 2);
  // The replacement serves, however long the new worker takes.
  await host.admit(3);
  assert.deepEqual(await crew(host), ['2 of 2 booting', '3 of 1 ready']);
  await host.admit(2);
  assert.deepEqual(await outcome, { generation: 2, replaced: 1 });
  assert.deepEqual(await crew(host), ['2 of 2 ready']);
  assert.equal((await host.exitOf(3)).reason, 'reload');
});

test('worker_dies_mid_reload: a new one that boots', async (t) => {
  const { host, outcome } = await begun(t, 2);
  host.signal(3, 'SIGKILL');
  assert.equal(await code(outcome), 'ERR_RELOAD_FAILED');
  assert.deepEqual(await crew(host), ['1 of 1 ready', '2 of 1 ready']);
  assert.deepEqual((await host.stats()).failing, []);
});

test('worker_dies_mid_reload: a new one that is not proven yet', async (t) => {
  const { host, outcome } = await begun(t, 2, 2);
  await host.admit(3);
  host.signal(3, 'SIGKILL');
  const { message } = (await outcome) as { message: string };
  assert.match(
    message,
    /generation 2 failed, and generation 1 stays: worker #1 ended \d+ ms after it was ready \(crash, SIGKILL\)/,
  );
  assert.deepEqual(await crew(host), ['1 of 1 ready', '2 of 1 ready']);
  assert.equal((await host.exitOf(4)).reason, 'reload');
});

test('worker_dies_mid_reload: a proven one is replaced by the new generation', async (t) => {
  const { host, outcome } = await begun(t, 2);
  await host.admit(3);
  await host.boots(4);
  host.signal(3, 'SIGKILL');
  await host.boots(5, 2);
  assert.deepEqual(await crew(host), ['2 of 1 ready', '4 of 2 booting', '5 of 2 booting']);
  host.gate.open();
  assert.deepEqual(await outcome, SECOND);
  assert.deepEqual(await crew(host), ['4 of 2 ready', '5 of 2 ready']);
});

test('ttin before and during a reload: the number survives', async (t) => {
  const host = new Host(t, { workers: 1 });
  await host.ready();
  host.kill('SIGTTIN');
  await host.event('worker:ready', ({ age }) => age === 2);
  const first = reload(host);
  await host.event('reload');
  host.kill('SIGTTIN');
  // A slot that is added during the reload has an old worker first.
  const [third] = await host.event('worker:spawn', ({ id }) => id === 3);
  assert.equal(third.generation, 1);
  assert.deepEqual(await first, { generation: 2, replaced: 3 });
  const second = reload(host);
  await host.event('reload', (generation) => generation === 3);
  for (const scaled of [1, 2]) {
    host.kill('SIGTTOU');
    await host.until(() => host.of('scale').length === 2 + scaled, 'less');
  }
  assert.equal(((await second) as { generation: number }).generation, 3);
  const { target, workers } = await host.stats();
  assert.deepEqual([target, workers.map(({ generation, state }) => [generation, state])], [1, [[3, 'ready']]]);
});

test('surge: so many are started at once beside the others', async (t) => {
  const host = new Host(t, { workers: 4, surge: '50%' }, { env: { HOST_STAYS: '1' } });
  await host.ready();
  assert.deepEqual(await reload(host), { generation: 2, replaced: 4 });
  await host.call('stop');
  const tried = new Set<number>();
  let together = 0;
  for (const { event, args } of host.events) {
    const [worker] = args;
    if (worker?.generation !== 2) continue;
    if (event === 'worker:spawn') tried.add(worker.age);
    else if (event === 'worker:ready') tried.delete(worker.age);
    together = Math.max(together, tried.size);
  }
  assert.deepEqual([together, replay(host).fewestServing], [2, 4]);
});
