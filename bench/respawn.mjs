/*
 * Claims: after a kill -9, the replacement is ready about as soon as a bare process that loads the application. With a
 * spare, the worker's slot serves again within 20 ms.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Arbiter } from 'prefork';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const TARGET = 1.25;
/** With a spare, milliseconds. */
const SPARE_TARGET = 20;
/** A worker that has been ready for two seconds is replaced without a wait. Milliseconds. */
const STABLE = 2_100;
const BARE = fileURLToPath(new URL('./peers/bare-http.mjs', import.meta.url));

const { pairs } = settings({ pairs: 30 }, { pairs: 5 });
const options = { app: new URL('./peers/hello.mjs', import.meta.url), bind: '127.0.0.1:0', workers: 2, logger: false };
const plain = new Arbiter(options);
const spared = new Arbiter({ ...options, name: 'spared', spares: 1 });
await plain.start();
await spared.start();

async function replacement(arbiter) {
  await sleep(STABLE);
  if (arbiter === spared && arbiter.stats().spares !== 1) throw new Error('the spare is not there yet');
  const [victim] = arbiter.workers;
  const started = performance.now();
  process.kill(victim.pid, 'SIGKILL');
  const [ready, elapsed] = await new Promise((resolve) => {
    arbiter.once('worker:ready', (worker) => resolve([worker, performance.now() - started]));
  });
  if (ready.id !== victim.id) throw new Error(`worker ${ready.id} became ready instead of ${victim.id}`);
  return elapsed;
}

async function bareProcess() {
  await sleep(STABLE);
  const started = performance.now();
  const child = spawn(process.execPath, [BARE], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const elapsed = performance.now() - started;
  child.kill('SIGKILL');
  await once(child, 'close');
  return elapsed;
}

const measures = [() => replacement(plain), () => replacement(spared), bareProcess];
const [ours, withSpare, bare] = await alternate(measures, pairs, (measure) => measure());
await plain.stop();
await spared.stop();
const ratio = ratios(ours, bare);
report(
  'Respawn: from kill -9 until the replacement is ready',
  `${pairs} alternating rounds; milliseconds, median (min-max). The targets are for the ratio, and for the median with a spare in milliseconds.`,
  table(
    ['kill -9 to ready', 'bare process, spawn to listening', 'ratio', 'target', 'with a spare', 'target'],
    [
      [
        ...[spread(ours, 1), spread(bare, 1), spread(ratio), atMost(TARGET, median(ratio))],
        ...[spread(withSpare, 1), atMost(SPARE_TARGET, median(withSpare))],
      ],
    ],
  ),
);
