/*
 * Claim: with keep-alive, the worker classes that keep connections cost hardly more than bare http in cluster, threads
 * save memory, and connections spread over the workers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createCrowd } from './harness/crowd.mjs';
import { startKnown, startPeer } from './harness/peer.mjs';
import { pss, rss, workersOf } from './harness/proc.mjs';
import { atLeast, atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

const TARGETS = { 'prefork async': 0.97, 'prefork threaded': 0.95, memory: 0.6, spread: 1.25 };
const MEMORY = { samples: 5, seconds: 2 };

needWrk();
const { workers, connections, rounds, seconds, members, memoryRounds, crowd, window, spreadRounds } = settings(
  {
    workers: 2,
    connections: 64,
    rounds: 7,
    seconds: 5,
    members: 4,
    memoryRounds: 3,
    crowd: 4_000,
    window: 64,
    spreadRounds: 3,
  },
  { rounds: 2, seconds: 1, memoryRounds: 1, spreadRounds: 1 },
);
const load = { connections, seconds, keepAlive: true };
const keepAlive = true;
const leftOut = new Set();

/** Starts the entries that this build knows, and records the others as left out. */
async function startAll(entries) {
  const { started, refused } = await startKnown(entries, ({ name, count, setup }) =>
    startPeer(name, count, { keepAlive, ...setup }),
  );
  for (const { name } of refused) leftOut.add(name);
  return started;
}

async function throughput() {
  const started = await startAll([
    { name: 'cluster shared handle', title: `cluster shared handle, ${workers} workers`, count: workers },
    { name: 'prefork async', title: `prefork async, ${workers} workers`, count: workers },
    {
      ...{ name: 'prefork threaded', title: `prefork threaded, 1 worker of ${workers} threads`, count: 1 },
      setup: { options: { threads: workers } },
    },
  ]);
  for (const { peer } of started) await loadPeer(peer, { ...load, seconds: Math.min(2, seconds) });
  const results = await alternate(started, rounds, ({ peer }) => loadPeer(peer, load));
  for (const { peer } of started) await peer.stop();
  const rates = results.map((own) => own.map(({ rate }) => rate));
  return results.map((own, index) => {
    const ratio = ratios(rates[index], rates[0]);
    const target = TARGETS[started[index].entry.name];
    return [
      started[index].entry.title,
      spread(rates[index], 0),
      index === 0 ? '' : spread(ratio),
      target === undefined ? '' : atLeast(target, median(ratio)),
      median(own.map(({ cpuPerRequest }) => cpuPerRequest)).toFixed(0),
      own.reduce((sum, { failures }) => sum + failures, 0),
    ];
  });
}

/** Memory of all worker processes together, fresh and after some load, in megabytes. */
async function memoryOf(entry) {
  const [found] = await startAll([entry]);
  if (found === undefined) return undefined;
  const { peer } = found;
  const fresh = await settled(peer.pid);
  await loadPeer(peer, { ...load, seconds: MEMORY.seconds });
  const loaded = await settled(peer.pid);
  await peer.stop();
  return { fresh, loaded };
}

async function settled(pid) {
  const samples = [];
  for (let sample = 0; sample < MEMORY.samples; sample++) {
    await sleep(200);
    const pids = workersOf(pid);
    const total = (bytes) => pids.reduce((sum, worker) => sum + bytes(worker), 0) / 2 ** 20;
    samples.push({ rss: total(rss), pss: total(pss), processes: pids.length });
  }
  const middle = (key) => median(samples.map((sample) => sample[key]));
  return { rss: middle('rss'), pss: middle('pss'), processes: middle('processes') };
}

async function memory() {
  const entries = [
    {
      ...{ name: 'prefork threaded', title: `prefork threaded, 1 worker of ${members} threads`, count: 1 },
      setup: { options: { threads: members } },
    },
    { name: 'prefork', title: `prefork sync, ${members} workers`, count: members },
    { name: 'prefork async', title: `prefork async, ${members} workers`, count: members },
  ];
  const measured = await alternate(entries, memoryRounds, memoryOf);
  const known = measured.map((own) => own.filter((result) => result !== undefined));
  const rows = (when) =>
    known.flatMap((own, index) => {
      if (own.length === 0) return [];
      const of = (results, key) => results.map((result) => result[when][key]);
      const beside = (key) => (index > 0 && known[0].length > 0 ? ratios(of(known[0], key), of(own, key)) : undefined);
      const [ratio, proportional] = [beside('rss'), beside('pss')];
      return [
        [
          ...[when, entries[index].title, own[0][when].processes],
          ...[spread(of(own, 'rss'), 1), spread(of(own, 'pss'), 1)],
          ...(ratio ? [spread(ratio), atMost(TARGETS.memory, median(ratio)), spread(proportional)] : ['', '', '']),
        ],
      ];
    });
  return [...rows('fresh'), ...rows('loaded')];
}

/** How many connections of the crowd each worker has. */
async function spreadOf({ peer }) {
  const all = createCrowd(peer.port, { size: crowd, window });
  const { answers, failures } = await all.ask('/pid');
  const counts = workersOf(peer.pid).map((pid) => answers.filter((answer) => answer === String(pid)).length);
  all.close();
  await sleep(1_000);
  return { counts, failures: failures.length, ratio: Math.max(...counts) / Math.min(...counts) };
}

async function spreading() {
  const options = { workerConnections: crowd };
  const started = await startAll([
    { name: 'prefork async', count: members, setup: { app: 'pid.mjs', options } },
    { name: 'cluster shared handle', count: members, setup: { app: 'pid.mjs' } },
    { name: 'cluster round-robin', count: members, setup: { app: 'pid.mjs' } },
  ]);
  const results = await alternate(started, spreadRounds, spreadOf);
  for (const { peer } of started) await peer.stop();
  return results.map((own, index) => {
    const { name } = started[index].entry;
    const quotients = own.map(({ ratio }) => ratio);
    return [
      name,
      own.map(({ counts }) => counts.toSorted((a, b) => b - a).join(', ')).join('; '),
      spread(quotients),
      name.startsWith('prefork') ? atMost(TARGETS.spread, median(quotients)) : '',
      own.reduce((sum, { failures }) => sum + failures, 0),
    ];
  });
}

const rates = await throughput();
const sizes = await memory();
const shares = await spreading();
report(
  'Keep-alive: throughput, memory and spread',
  ...(leftOut.size > 0 ? [`Left out, since this build refuses it: ${[...leftOut].join(', ')}.`] : []),
  `${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`, hello world; median (min-max).`,
  table(['peer', 'requests/s', '/ cluster', 'target', 'CPU µs per request', 'failures'], rates),
  `Memory of the worker processes together, fresh and after ${MEMORY.seconds} s of the same load; ${memoryRounds} alternating rounds of new processes,
${MEMORY.samples} samples each; MB, median (min-max). PSS divides pages that processes share, such as node's own code, among all of them.`,
  table(['', 'peer', 'processes', 'RSS', 'PSS', 'threads / this, RSS', 'target', 'threads / this, PSS'], sizes),
  `${crowd} connections from one client, ${window} at a time, then kept open; connections of each worker, one group per round.`,
  table(['peer', 'connections of each worker', 'max / min', 'target', 'failures'], shares),
);
