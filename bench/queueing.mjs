/* Claim: a request waits in one queue for the first free worker, and never behind a slow one while another is free. */
import { writeFileSync } from 'node:fs';
import { percentile, startOpenLoop } from './harness/open-loop.mjs';
import { startKnown, startPeer } from './harness/peer.mjs';
import { cpu } from './harness/proc.mjs';
import { report, table } from './harness/report.mjs';
import { alternate, median, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { poisson, steady } from './harness/trace.mjs';
import { BLOCKS, block } from './peers/blocking.mjs';
import { idealQueue } from './queueing/ideal.mjs';
import { plot } from './queueing/plot.mjs';
import { chartSeries, HEAD, tableRows } from './queueing/section.mjs';

const LOADS = [50, 75, 90];
/** The share of slow requests. */
const RARE = 0.05;
/** Requests for each worker, to warm it up. */
const WARM_UP = 250;

const { workers, processes, threads, rounds, requests, seed, only } = settings(
  { workers: 8, processes: 2, threads: 4, rounds: 3, requests: 2_200, seed: 1, only: '' },
  { rounds: 1, requests: 600 },
);
const app = 'blocking.mjs';
const PEERS = [
  { name: 'prefork', title: 'prefork sync', color: '#2f81f7', target: true },
  {
    ...{ name: 'prefork threaded', title: `prefork threaded ${processes}×${threads}`, color: '#2da44e', target: true },
    ...{ workers: processes, options: { threads } },
  },
  { name: 'prefork async', title: 'prefork async', color: '#8b7fd6' },
  { name: 'cluster round-robin', title: 'cluster round-robin', color: '#e8730c', cluster: true },
  { name: 'cluster shared handle', title: 'cluster shared handle', color: '#d1343f', cluster: true },
].filter(({ title }) => title.includes(only));

const meanService = (1 - RARE) * BLOCKS.fast + RARE * BLOCKS.slow;
const rate = (load) => (load / 100) * workers * (1000 / meanService);
const trace = (load, count, round) =>
  poisson({
    seed: seed * 10_000 + load * 100 + round,
    rate: rate(load),
    requests: count,
    rare: RARE,
    paths: ['/fast', '/slow'],
  });

/** The figures of a run, from the latencies of its requests. Milliseconds. */
function figures(latency, { paths }) {
  const fast = latency.filter((_, index) => paths[index] === '/fast');
  return { median: percentile(fast, 0.5), fast: percentile(fast, 0.99), all: percentile(latency, 0.99) };
}

const client = await startOpenLoop();
const { started, refused } = await startKnown(PEERS, (entry) =>
  startPeer(entry.name, entry.workers ?? workers, { app, keepAlive: true, options: entry.options }),
);
const runs = started.flatMap(({ entry, peer }) => ['close', 'keep-alive'].map((mode) => ({ entry, peer, mode })));
// The warm-up is at half load, so that all workers get their share.
const warmUp = steady({ rate: (workers * 500) / BLOCKS.fast, requests: workers * WARM_UP, path: '/fast' });
for (const { peer, mode } of runs) await client.run(peer.port, mode, warmUp);

/** How much longer than asked a request blocks, since a blocked thread wakes late. Without CPU time. Milliseconds. */
const overshoot = median(
  Array.from({ length: 100 }, () => {
    const start = performance.now();
    block(BLOCKS.fast);
    return performance.now() - start - BLOCKS.fast;
  }),
);

async function measure({ peer, mode }, arrivals) {
  const cpuTime = () => cpu(peer.pid).master + cpu(peer.pid).workers;
  const before = cpuTime();
  const run = await client.run(peer.port, mode, arrivals);
  const cpuPerRequest = ((cpuTime() - before) / requests) * 1e6;
  return { ...run, ...figures(run.latency, arrivals), late: percentile(run.lateness, 0.99), cpuPerRequest };
}

/** Simulates the same rounds with an ideal queue, where each request takes `overhead` longer. Milliseconds. */
function simulate(load, overhead) {
  return Array.from({ length: rounds }, (_, index) => {
    const arrivals = trace(load, requests, index + 1);
    const services = arrivals.paths.map((path) => BLOCKS[path.slice(1)] + overhead);
    return figures(idealQueue(arrivals, services, workers), arrivals);
  });
}

/** One entry for each load. */
const loads = [];
for (const load of LOADS) {
  console.error(`load ${load} %`);
  const results = await alternate(runs, rounds, (run, round) => measure(run, trace(load, requests, round)));
  // CPU time occupies a worker too. But idle workers that wake in vain use much of it, so the run with the least CPU
  // time gives the figure.
  const least = Math.min(...results.map((own) => median(own.map(({ cpuPerRequest }) => cpuPerRequest))));
  const overhead = overshoot + least / 1000;
  loads.push({ load, results, overhead, ideal: simulate(load, 0), burdened: simulate(load, overhead) });
}
await client.stop();
for (const { peer } of started) await peer.stop();

const title = `99th percentile of ${BLOCKS.fast} ms requests among ${RARE * 100} % of ${BLOCKS.slow} ms, ${workers} workers`;
const series = chartSeries(runs, loads);
writeFileSync(new URL('./queueing.svg', import.meta.url), plot({ title, unit: 'milliseconds', loads: LOADS, series }));

const everyRun = loads.flatMap(({ results }) => results.flat());
const late = everyRun.map((run) => run.late);
const share = everyRun.map((run) => run.cpu * 100);
const missing = refused.map((entry) => entry.title).join(', ');
report(
  `Queueing: ${workers} workers that block, ${BLOCKS.fast} ms and ${RARE * 100} % ${BLOCKS.slow} ms`,
  `Poisson arrivals (open loop), ${rounds} alternating rounds of ${requests} requests per load, a trace for each that all peers share.
Milliseconds from when a request was due, median (min-max). Best cluster: the least p99 of its rows in that round. Ideal: one
queue and ${workers} servers, simulated with the same trace. *Longer*: each request takes longer by what it costs besides, which is ${overshoot.toFixed(2)} ms until a
blocked thread wakes and the CPU time of the row with the least. Client late: p99 of how long after its time a request was
sent. \`threaded\` is ${processes} processes with ${threads} threads each.`,
  ...(missing === '' ? [] : [`Left out, since this build refuses it: ${missing}.`]),
  '![p99 of fast requests over load](queueing.svg)',
  table(HEAD, tableRows(runs, loads)),
  `The client, over all runs: its sends are late by ${spread(late)} ms at their 99th percentile, and it takes ${spread(share, 0)} % of a core.`,
);
