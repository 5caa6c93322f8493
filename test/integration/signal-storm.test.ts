/* Signals in any order and number, and workers that are killed meanwhile: in the end all is as the master says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { chances } from '../helpers/chances.js';
import { Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { alive, childrenOf, gone } from '../helpers/process.js';
import { eventually } from '../helpers/wait.js';

const STEPS = 60;
const MOST = 5;

const ACTS = ['SIGTTIN', 'SIGTTOU', 'SIGTTOU', 'SIGHUP', 'SIGHUP', 'SIGWINCH', 'kill', 'kill'] as const;

test('signal_storm', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 32);
  t.diagnostic(`SEED=${seed}`);
  const random = chances(seed);
  const host = new Host(t, { workers: 3, surge: 2, gracefulTimeout: 5_000 });
  const url = await host.ready();
  for (let step = 0; step < STEPS; step++) {
    const act = ACTS[Math.floor(random() * ACTS.length)] as (typeof ACTS)[number];
    const { target, workers } = await host.stats();
    const victim = workers[Math.floor(random() * workers.length)];
    if (act === 'kill') victim?.pid && alive(victim.pid) && process.kill(victim.pid, 'SIGKILL');
    else if (act !== 'SIGTTIN' || target < MOST) host.kill(act);
    if (random() < 0.5) await delay(random() * 150);
  }
  // Of the signals that are pending together, the one with the highest number comes last: all others have come before
  // it.
  const winches = (): number => host.of('signal').filter(({ args }) => args[0] === 'SIGWINCH').length;
  const before = winches();
  host.kill('SIGWINCH');
  await host.until(() => winches() > before, 'the last signal');
  // Calls from before may fail. This reload comes behind all of them, and nothing disturbs it.
  await host.call('reload');
  const { target, state, workers } = await host.stats();
  assert.deepEqual([state, workers.length], ['running', target], `SEED=${seed}\n${host.log}`);
  assert.deepEqual(new Set(workers.map((worker) => worker.id)).size, target);
  assert.deepEqual(
    workers.map((worker) => [worker.state, worker.generation]),
    workers.map(() => ['ready', workers[0]?.generation]),
  );
  // The guard is the only other child.
  await eventually(() => childrenOf(host.pid).length === target + 1, 'the end of all others');
  for (let count = 0; count < 2 * target; count++) assert.equal((await get(url)).status, 200);
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  await gone(...host.workerPids);
});
