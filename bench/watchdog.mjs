/*
 * Claim: a watchdog costs hardly any throughput, and some memory. When a request hangs, its client gets the 504 soon
 * after the deadline, and its worker is replaced.
 */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPeer } from './harness/peer.mjs';
import { pss, rss, workersOf } from './harness/proc.mjs';
import { atLeast, atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

const TARGETS = { throughput: 0.98, late: 150 };
/** Milliseconds. */
const TIMEOUT = 500;
const MEMORY_SAMPLES = 5;

needWrk();
const { workers, connections, rounds, seconds, memoryRounds, hangs } = settings(
  { workers: 2, connections: 16, rounds: 9, seconds: 4, memoryRounds: 5, hangs: 30 },
  { rounds: 3, seconds: 1, memoryRounds: 2, hangs: 5 },
);

async function throughput(name, keepAlive) {
  const load = { connections, seconds, keepAlive };
  const peers = [];
  for (const watchdog of [true, false]) peers.push(await startPeer(name, workers, { options: { watchdog } }));
  for (const peer of peers) await loadPeer(peer, { ...load, seconds: Math.min(2, seconds) });
  const results = await alternate(peers, rounds, (peer) => loadPeer(peer, load));
  for (const peer of peers) await peer.stop();
  const [ours, theirs] = results.map((own) => own.map(({ rate }) => rate));
  const [cpu, bare] = results.map((own) => own.map(({ cpuPerRequest }) => cpuPerRequest));
  const ratio = ratios(ours, theirs);
  return [
    `${name}, ${keepAlive ? 'kept connections' : 'a connection for each request'}`,
    spread(ours, 0),
    spread(theirs, 0),
    spread(ratio),
    atLeast(TARGETS.throughput, median(ratio)),
    spread(ratios(cpu, bare)),
    results.flat().reduce((sum, { failures }) => sum + failures, 0),
  ];
}

/** Memory of one worker at rest, megabytes. */
async function memoryOf(watchdog) {
  const peer = await startPeer('prefork', 1, { options: { watchdog } });
  const samples = [];
  for (let sample = 0; sample < MEMORY_SAMPLES; sample++) {
    await sleep(200);
    const [worker] = workersOf(peer.pid);
    samples.push({ rss: rss(worker) / 2 ** 20, pss: pss(worker) / 2 ** 20 });
  }
  await peer.stop();
  return { rss: median(samples.map((one) => one.rss)), pss: median(samples.map((one) => one.pss)) };
}

async function memory() {
  const [watched, bare] = await alternate([true, false], memoryRounds, memoryOf);
  return ['rss', 'pss'].map((key) => {
    const [own, other] = [watched, bare].map((results) => results.map((result) => result[key]));
    return [
      key.toUpperCase(),
      spread(own, 1),
      spread(other, 1),
      spread(
        own.map((value, round) => value - other[round]),
        1,
      ),
    ];
  });
}

/** The status of an answer and how long it took, milliseconds. */
function timed(port, path) {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    http
      .get({ port, host: '127.0.0.1', path, agent: false }, (response) => {
        response.resume().on('close', () => resolve({ status: response.statusCode, took: performance.now() - start }));
      })
      .on('error', reject);
  });
}

async function lateness(name) {
  const peer = await startPeer(name, 1, { app: 'hanging.mjs', options: { timeout: TIMEOUT, workers: 1 } });
  const [late, ready] = [[], []];
  for (let hang = 0; hang < hangs; hang++) {
    const { status, took } = await timed(peer.port, '/spin');
    if (status !== 504) throw new Error(`expected 504, got ${status}`);
    late.push(took - TIMEOUT);
    // There is one worker, so the next answer comes from its replacement.
    ready.push((await timed(peer.port, '/')).took);
    await sleep(200);
  }
  await peer.stop();
  return [name, spread(late, 0), atMost(TARGETS.late, median(late)), spread(ready, 0)];
}

const rates = [
  await throughput('prefork', false),
  await throughput('prefork async', true),
  await throughput('prefork async', false),
];
const sizes = await memory();
const hanging = [await lateness('prefork'), await lateness('prefork async')];
report(
  'Watchdog: throughput, memory, and how soon it acts',
  `${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', { connections, seconds, keepAlive: true }).join(' ')}\` (with \`Connection: close\` where a connection is for one request), hello world, ${workers} workers; median (min-max).`,
  table(['class', 'with, requests/s', 'without', 'ratio', 'target', 'CPU per request, ratio', 'failures'], rates),
  `One sync worker at rest, ${memoryRounds} pairs of new processes, ${MEMORY_SAMPLES} samples each; MB, median (min-max).`,
  table(['', 'with', 'without', 'difference'], sizes),
  `${hangs} requests that spin, one worker, timeout ${TIMEOUT} ms: how long after the deadline the 504 came, then how long until the
replacement had answered a request; ms, median (min-max).`,
  table(['class', '504 after the deadline', 'target', 'next answer'], hanging),
);
