/*
 * Claim: with many workers, only a few of the idle ones listen (the duty roster), and no client waits because the other
 * workers rest.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile, startOpenLoop } from './harness/open-loop.mjs';
import { startPeer } from './harness/peer.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { poisson } from './harness/trace.mjs';
import { BLOCKS } from './peers/blocking.mjs';
import { TIMES } from './peers/resting.mjs';

/** How many times longer the median may be than when all workers listen. */
const TARGET = 1.25;
/** By this time after the start, all workers have looked at the roster. Milliseconds. */
const SETTLED = 2_500;
/** The share of slow requests in cases with two kinds. */
const RARE = 0.05;

const behind = { paths: ['/behind', '/behind'], rate: 20, requests: 160, app: 'resting.mjs' };
const CASES = [
  { name: 'prefork', workers: 12, what: `${TIMES.behind} ms of blocking work behind the answer`, ...behind },
  { name: 'prefork threaded', workers: 3, threads: 4, what: 'the same', ...behind },
  {
    ...{ name: 'prefork async', workers: 12, app: 'blocking.mjs', paths: ['/fast', '/slow'], rate: 490 },
    ...{ requests: 2_000, what: `blocks for ${BLOCKS.fast} ms, one in ${1 / RARE} for ${BLOCKS.slow}` },
  },
  {
    ...{ name: 'prefork', workers: 32, app: 'resting.mjs', paths: ['/waits', '/waits'], rate: 500 },
    ...{ requests: 2_000, what: `waits for ${TIMES.waits} ms` },
  },
];

const { rounds, seed } = settings({ rounds: 3, seed: 1 }, { rounds: 1 });
const client = await startOpenLoop();

/** One round of a case. The latencies are those of the common requests, in milliseconds. */
async function measure({ name, workers, threads, app, ...plan }, round, PREFORK_ROSTER) {
  const options = threads && { threads };
  const peer = await startPeer(name, workers, { app, options }, { PREFORK_ROSTER });
  await sleep(SETTLED);
  const arrivals = poisson({ ...plan, seed: seed * 1_000 + round, rare: RARE });
  const { latency, failures } = await client.run(peer.port, 'close', arrivals);
  await peer.stop();
  const common = latency.filter((_, index) => arrivals.paths[index] === plan.paths[0]);
  return { p50: percentile(common, 0.5), p99: percentile(common, 0.99), failures: failures.length };
}

const rows = [];
for (const plan of CASES) {
  console.error(`${plan.name}, ${plan.workers} workers: ${plan.what}`);
  const [on, off] = [[], []];
  for (let round = 1; round <= rounds; round++) {
    on.push(await measure(plan, round, ''));
    off.push(await measure(plan, round, 'off'));
  }
  const of = (results, figure) => results.map((result) => result[figure]);
  const ratio = ratios(of(on, 'p50'), of(off, 'p50'));
  const shared = [plan.name, plan.threads ? `${plan.workers}×${plan.threads}` : plan.workers, plan.what, plan.rate];
  for (const [title, results] of [
    ['few listen', on],
    ['all listen', off],
  ]) {
    rows.push([
      ...[...shared, title, spread(of(results, 'p50'), 1), spread(of(results, 'p99'), 0)],
      ...(results === on ? [spread(ratio), atMost(TARGET, median(ratio))] : ['', '']),
      of(results, 'failures').reduce((sum, count) => sum + count, 0),
    ]);
  }
}
await client.stop();
report(
  'Resting: many workers, few of which listen',
  `${rounds} rounds in turn, each with workers that have just been started, so their first requests are included. An open loop of clients, a connection each; milliseconds, only the requests of the common
kind, median (min-max). *All listen*: \`PREFORK_ROSTER=off\`.`,
  table(
    ['peer', 'workers', 'requests', 'per second', '', 'p50', 'p99', 'p50 / all listen', 'target', 'failures'],
    rows,
  ),
);
