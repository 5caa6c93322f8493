/*
 * Claim: connections that are kept busy do not keep new clients out. New clients wait at most three times as long as
 * they do at Puma, and the busy connections hardly lose throughput by it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { keepBusy } from './harness/busy.mjs';
import { percentile, startOpenLoop } from './harness/open-loop.mjs';
import { installed, startPeer } from './harness/peer.mjs';
import { atLeast, atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { steady } from './harness/trace.mjs';
import { SLEEP } from './peers/sleepy.mjs';

const TARGETS = { latency: 3, kept: 0.95 };
/** How long the kept connections have to reach full load, and a server to settle after them. Milliseconds. */
const SETTLE = 500;
const SETUPS = {
  'prefork threaded': { app: 'sleepy.mjs', options: { threads: 1 } },
  puma: { app: 'sleepy.ru' },
};

const { kept, depth, rate, seconds, rounds } = settings(
  { kept: 12, depth: 10, rate: 20, seconds: 10, rounds: 6 },
  { seconds: 5, rounds: 2 },
);
const CROWDS = [
  { title: `${kept} kept connections`, connections: kept, depth: 1 },
  { title: `1 that pipelines ${depth}`, connections: 1, depth },
];
const trace = steady({ rate, requests: rate * seconds, path: '/health' });

const client = await startOpenLoop();
const peers = [];
for (const name of installed(Object.keys(SETUPS))) peers.push(await startPeer(name, 1, SETUPS[name]));
const runs = CROWDS.flatMap((crowd) =>
  peers.flatMap((peer) => [false, true].map((newcomers) => ({ crowd, peer, newcomers }))),
);

async function measure({ crowd, peer, newcomers }) {
  const busy = keepBusy(peer.port, crowd);
  await sleep(SETTLE);
  const [before, begun] = [busy.counts(), performance.now()];
  const run = newcomers ? await client.run(peer.port, 'close', trace) : await sleep(seconds * 1000);
  const [after, elapsed] = [busy.counts(), performance.now() - begun];
  busy.leave();
  await sleep(SETTLE);
  const of = (key) => after[key] - before[key];
  return {
    ...{ kept: (of('answers') * 1000) / elapsed, closed: (of('closed') * 1000) / elapsed, errors: of('errors') },
    ...(run && {
      ...{ p50: percentile(run.latency, 0.5), p99: percentile(run.latency, 0.99), worst: percentile(run.latency, 1) },
      ...{ late: percentile(run.lateness, 0.99), failures: run.failures.length },
    }),
  };
}

for (const { peer } of runs) await client.run(peer.port, 'close', trace);
const results = await alternate(runs, rounds, measure);
await client.stop();
for (const peer of peers) await peer.stop();

const of = (own, key) => own.map((result) => result[key]);
const sum = (values) => values.reduce((total, value) => total + value, 0);
const ours = (name) => name !== 'puma';

/** The results of another run with the same kept connections. */
function other({ crowd }, isIt) {
  return results[runs.findIndex((run) => run.crowd === crowd && isIt(run))];
}

/** How long new clients wait, and the ratio to the same at Puma. */
function waits(run, own) {
  const theirs = other(run, ({ peer, newcomers }) => !ours(peer.name) && newcomers);
  const ratio = ours(run.peer.name) && theirs ? ratios(of(own, 'p99'), of(theirs, 'p99')) : undefined;
  return [
    ...['p50', 'p99', 'worst'].map((key) => spread(of(own, key), 1)),
    ...(ratio ? [spread(ratio), atMost(TARGETS.latency, median(ratio))] : ['', '']),
    sum(of(own, 'failures')),
    spread(of(own, 'late')),
  ];
}

/** The throughput of the kept connections, and its ratios to that without new clients and to that at Puma. */
function throughput(run, own) {
  const without = other(run, ({ peer, newcomers }) => peer === run.peer && !newcomers);
  const theirs = other(run, ({ peer, newcomers }) => !ours(peer.name) && newcomers === run.newcomers);
  const ratio = ratios(of(own, 'kept'), of(without, 'kept'));
  return [
    spread(of(own, 'kept'), 0),
    ...(run.newcomers ? [spread(ratio), ours(run.peer.name) ? atLeast(TARGETS.kept, median(ratio)) : ''] : ['', '']),
    ours(run.peer.name) && theirs ? spread(ratios(of(own, 'kept'), of(theirs, 'kept'))) : '',
    spread(of(own, 'closed'), 1),
    sum(of(own, 'errors')),
  ];
}

const described = runs.map((run, index) => ({ run, own: results[index], head: [run.crowd.title, run.peer.name] }));
report(
  'Fairness: new clients beside connections that are kept busy, one thread',
  `${rounds} alternating rounds of ${seconds} s. One process with one thread, for prefork and for Puma (\`-w 1 -t 1:1\`), and a handler that takes ${SLEEP} ms
and no CPU. Kept: closed loops, each sends its next request when an answer has come. New: ${rate} requests/s (open loop, evenly,
a connection each). Median (min-max).`,
  'New clients, milliseconds from when a request was due:',
  table(
    ['beside', 'peer', 'p50', 'p99', 'worst', 'p99 / puma', 'target', 'failures', 'client late'],
    described.filter(({ run }) => run.newcomers).map(({ run, own, head }) => [...head, ...waits(run, own)]),
  ),
  'The kept ones, and how many of their connections were closed and came again:',
  table(
    ['kept', 'peer', 'new clients', 'requests/s', 'with / without', 'target', '/ puma', 'closed/s', 'errors'],
    described.map(({ run, own, head }) => [...head, run.newcomers ? 'yes' : 'no', ...throughput(run, own)]),
  ),
);
