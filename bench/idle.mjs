/* Claim: thousands of idle keep-alive connections stay usable; each costs hardly more memory than with bare http. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createCrowd } from './harness/crowd.mjs';
import { startKnown, startPeer } from './harness/peer.mjs';
import { rss, workersOf } from './harness/proc.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const TARGET = 1.1;
const SAMPLES = 5;
/** A keep-alive timeout that does not end during the benchmark. Milliseconds. */
const LONG = 600_000;
/** Connections that warm a peer up and are then closed, so that later growth of its memory is due to the crowd. */
const WARM_UP = 500;

const { workers, connections, window, pause, rounds } = settings(
  { workers: 2, connections: 10_000, window: 64, pause: 5_000, rounds: 4 },
  { connections: 2_000, pause: 1_000, rounds: 2 },
);
const app = 'pid.mjs';
const ENTRIES = [
  { name: 'prefork async', setup: { app, options: { keepAlive: LONG, workerConnections: connections + WARM_UP } } },
  { name: 'cluster shared handle', setup: { app, keepAlive: true, server: { keepAliveTimeout: LONG } } },
];

/** Resident memory of all workers together after garbage collections, bytes. */
async function settled(pids) {
  const samples = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const pid of pids) process.kill(pid, 'SIGUSR2');
    await sleep(300);
    samples.push(pids.reduce((sum, pid) => sum + rss(pid), 0));
  }
  // Each collection returns more memory, so the least sample counts.
  return Math.min(...samples);
}

async function measure({ name, setup }) {
  const { started } = await startKnown([name], () => startPeer(name, workers, setup));
  if (started.length === 0) return undefined;
  const [{ peer }] = started;
  const pids = workersOf(peer.pid);
  const warm = createCrowd(peer.port, { size: WARM_UP, window });
  for (let round = 0; round < 4; round++) await warm.ask('/');
  warm.close();
  await sleep(500);
  const before = await settled(pids);

  const crowd = createCrowd(peer.port, { size: connections, window });
  const first = await crowd.ask('/pid');
  const grown = (await settled(pids)) - before;
  await sleep(pause);
  const second = await crowd.ask('/pid');
  crowd.close();
  await peer.stop();
  for (const { failures } of [first, second]) if (failures.length > 0) console.error(`${name}: ${failures[0]}`);
  const shares = pids.map((pid) => first.answers.filter((answer) => answer === String(pid)).length);
  return {
    perConnection: grown / connections / 1024,
    first: first.answers.length,
    second: second.answers.length,
    shares,
  };
}

const results = await alternate(ENTRIES, rounds, measure);
const known = results.map((own) => own.filter((result) => result !== undefined));
const sizes = known.map((own) => own.map(({ perConnection }) => perConnection));
const rows = known.flatMap((own, index) => {
  if (own.length === 0) return [];
  const compared = index === 0;
  const ratio = compared && ratios(sizes[0], sizes[1]);
  const least = (key) => `${Math.min(...own.map((result) => result[key]))} of ${connections}`;
  return [
    [
      ENTRIES[index].name,
      ...[least('first'), least('second')],
      spread(sizes[index]),
      compared ? spread(ratio) : '',
      compared ? atMost(TARGET, median(ratio)) : '',
      own.map(({ shares }) => shares.join(' + ')).join('; '),
    ],
  ];
});
report(
  `Idle connections: ${connections} with keep-alive on ${workers} workers`,
  ...ENTRIES.filter((_, index) => known[index].length === 0).map(
    ({ name }) => `Left out, since this build refuses it: ${name}.`,
  ),
  `${rounds} alternating rounds of new processes. Each connection sends a request, and another one ${pause} ms after the memory was measured. Memory is VmRSS of
the workers after garbage collections, less that from before the connections came; kB per connection, median (min-max).`,
  table(
    [
      'peer',
      'answered at once',
      'answered again',
      'kB per connection',
      '/ cluster',
      'target',
      'connections of each worker',
    ],
    rows,
  ),
);
