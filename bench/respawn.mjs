/* Claim: after a kill -9 the replacement is ready about as soon as a bare process that loads the application. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Arbiter } from 'prefork';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const TARGET = 1.25;
/** A worker that has been ready for two seconds is replaced without a wait. Milliseconds. */
const STABLE = 2_100;
const BARE = fileURLToPath(new URL('./peers/bare-http.mjs', import.meta.url));

const { pairs } = settings({ pairs: 30 }, { pairs: 5 });
const arbiter = new Arbiter({
  app: new URL('./peers/hello.mjs', import.meta.url),
  bind: '127.0.0.1:0',
  workers: 2,
  logger: false,
});
await arbiter.start();

async function replacement() {
  await sleep(STABLE);
  const [victim] = arbiter.workers;
  const started = performance.now();
  process.kill(victim.pid, 'SIGKILL');
  const ready = await new Promise((resolve) => arbiter.once('worker:ready', resolve));
  if (ready.id !== victim.id) throw new Error(`worker ${ready.id} became ready instead of ${victim.id}`);
  return performance.now() - started;
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

const [ours, bare] = await alternate([replacement, bareProcess], pairs, (measure) => measure());
await arbiter.stop();
const ratio = ratios(ours, bare);
report(
  'Respawn: from kill -9 until the replacement is ready',
  `${pairs} alternating pairs; milliseconds, median (min-max).`,
  table(
    ['kill -9 to ready', 'bare process, spawn to listening', 'ratio', 'target'],
    [[spread(ours, 1), spread(bare, 1), spread(ratio), atMost(TARGET, median(ratio))]],
  ),
);
