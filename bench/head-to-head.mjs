/*
 * Prefork beside its alternatives: one run in alternating rounds, with everything that they are compared by. It writes
 * the head-to-head charts. A peer that this machine does not have, or that does not start, is left out by name.
 * `--only=hello,json,cpu,tls,calls,memory,life` selects parts, `--peers=prefork` peers by a part of their title, and
 * `--workers=1,2` the numbers of workers for hello.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commit, environment, loadAverage, PART, report, table } from './harness/report.mjs';
import { alternate } from './harness/rounds.mjs';
import { certificate, sTimeCommand } from './harness/s-time.mjs';
import { settings } from './harness/settings.mjs';
import { needWrk, wrkCommand } from './harness/wrk.mjs';
import { measureLoads } from './head-to-head/loads.mjs';
import { findPeers, leftOut, split, versions } from './head-to-head/peers.mjs';
import { charts, LOAD_HEAD, loadRows, SINGLE_HEAD, singleRows } from './head-to-head/section.mjs';
import { callsOf, handshakes, lifeOf, memoryOf } from './head-to-head/single.mjs';

/** If the load average before the run is above this, the section says that the machine was busy. */
const IDLE = 0.5;
/** Workers in the loads other than hello, in the handshakes and when system calls are counted. */
const FEW = 2;
/** Workers when memory is measured: several of them, since PSS divides the pages that processes share. */
const MEMORY_WORKERS = 8;
const MINUTE = 60_000;

needWrk();
const { rounds, connections, seconds, minutes, only, peers, workers } = settings(
  { rounds: 5, connections: 16, seconds: 1, minutes: 24, only: '', peers: '', workers: '1,2,8,32,64' },
  { rounds: 1, workers: '1,2', minutes: 8 },
);
const counts = workers.split(',').map(Number);
if (!counts.every((count) => count >= 1)) throw new RangeError(`--workers: expected numbers, got '${workers}'`);
const PARTS = ['hello', 'json', 'cpu', 'tls', 'calls', 'memory', 'life'];
const parts = only === '' ? PARTS : only.split(',');
for (const part of parts) if (!PARTS.includes(part)) throw new RangeError(`--only: expected ${PARTS}, got '${part}'`);

const began = performance.now();
const late = () => performance.now() - began > minutes * MINUTE;
const entries = await findPeers(peers);
const load = { connections, seconds };
const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Runs a part if it is wanted and the time is not over. */
async function part(name, measure) {
  if (!parts.includes(name)) return new Map();
  if (!late()) return measure();
  leftOut.set(name, `${minutes} minutes were over`);
  return new Map();
}

/** Measures the peers one after the other; no other peer is running meanwhile. */
async function each(name, measure, how) {
  const found = new Map();
  for (const entry of entries) {
    if (late()) leftOut.set(`${name} of ${entry.title}`, `${minutes} minutes were over`);
    else found.set(entry, await attempt(name, entry, () => measure(entry, how)));
  }
  return found;
}

async function attempt(name, entry, measure) {
  try {
    return await measure();
  } catch (error) {
    leftOut.set(`${name} of ${entry.title}`, error.message);
    return undefined;
  }
}

function missing(program, flag, name) {
  const absent = spawnSync(program, [flag]).error !== undefined;
  if (absent && parts.includes(name)) leftOut.set(name, `${program} is not installed`);
  return absent;
}

/** The loads come first: they take longest, and they are what the head to head is about. */
const measured = [];
for (const count of counts.includes(FEW) ? counts : [...counts, FEW]) {
  const hello = counts.includes(count) ? ['hello'] : [];
  const workloads = [...hello, ...(count === FEW ? ['json', 'cpu'] : [])].filter((name) => parts.includes(name));
  if (workloads.length === 0) continue;
  if (late()) leftOut.set(`${count} workers`, `${minutes} minutes were over`);
  else measured.push(...(await measureLoads(entries, count, workloads, { rounds, late, ...load })));
}

const handshake = { clients: 4, version: '1.3', reuse: false, seconds: 1 };
const tls = await part('tls', () => {
  if (missing('openssl', 'version', 'tls')) return new Map();
  const pem = certificate();
  const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
  for (const name of ['key', 'cert']) writeFileSync(files[name], pem[name], { mode: 0o600 });
  return handshakes(entries, { workers: FEW, rounds: Math.min(3, rounds), tls: { ...pem, files }, ...handshake });
});
const calls = await part('calls', () =>
  missing('strace', '-V', 'calls') ? new Map() : each('calls', callsOf, { workers: FEW, ...load }),
);
const memory = await part('memory', () => each('memory', memoryOf, { workers: MEMORY_WORKERS, ...load, seconds: 2 }));

/** One more row shows what a spare brings. */
const spared = { ...entries.find(({ title }) => title === 'prefork sync'), title: 'prefork sync, a spare' };
const lives = [
  ...entries.map((entry) => ({ entry })),
  ...(spared.name ? [{ entry: spared, options: { spares: 1 } }] : []),
];
const life = await part('life', async () => {
  const measure = ({ entry, options }) => (late() ? undefined : attempt('life', entry, () => lifeOf(entry, options)));
  const results = await alternate(lives, Math.min(3, rounds), measure);
  return new Map(lives.map(({ entry }, index) => [entry, results[index].filter((result) => result !== undefined)]));
});

const drawn = charts(measured, counts);
for (const { file, svg } of drawn) writeFileSync(new URL(`./${file}`, import.meta.url), svg);
const threaded = counts.map((count) => {
  const { processes, threads } = split({ threads: 'processes of threads' }, count);
  return `${processes}×${threads}`;
});
const reasons = [...leftOut].map(([name, reason]) => `${name} (${reason})`);
const took = ((performance.now() - began) / MINUTE).toFixed(0);
report(
  'Head to head',
  ...(Number(loadAverage) > IDLE
    ? [`**The load average before was ${loadAverage}, above ${IDLE}: these are figures of a busy machine.**`]
    : []),
  `All rows are of one run of prefork ${commit()}, which took ${took} minutes${versions(entries)
    .map((one) => `; ${one}`)
    .join('')}.
${reasons.length > 0 ? `Left out: ${reasons.join('; ')}.` : 'Nobody was left out.'}`,
  ...(measured.length > 0 ? loadBlocks() : []),
  ...(parts.some((name) => ['tls', 'calls', 'memory', 'life'].includes(name)) ? singleBlocks() : []),
  ...(process.env[PART] === undefined ? [] : [environment()]),
);

function loadBlocks() {
  return [
    `${rounds} alternating rounds (2 with more than 32 workers, where each peer is started anew) of \`wrk ${wrkCommand('PORT', load).join(' ')}\`,
or without the header where connections are kept; median (min-max), of the percentiles the median. wrk is a closed loop: these are
latencies of a server under full load; for a blocking mix at a given load see *Queueing*. Where threads serve, a worker is a thread: ${threaded.join(', ')}
processes and threads of \`threaded\` and \`gthread\`; Watt's are threads of one process. Puma's workers have one thread each. Both kinds
of \`sync\` close each connection. For a connection per request, the base of the ratio is prefork sync; for kept connections, async. Each peer
has served for a second before. With 8 workers and more that is little for each process: a request costs a process of Node two to four times as much among its first thousands, so
see *Herd* for warm processes.`,
    ...drawn.map(({ file, title }) => `![${title}](${file})`),
    table(LOAD_HEAD, loadRows(measured)),
  ];
}

function singleBlocks() {
  const command = `openssl ${sTimeCommand('PORT', handshake).join(' ')}`;
  return [
    `System calls: \`strace -f -c\` of all workers, ${FEW} of them, hello world, apart from the timed runs; a master that accepts is not counted. Memory: PSS with
${MEMORY_WORKERS} workers and no other peer around, after ${2} s of load. Boot: from spawn to the first answer, one worker. kill -9: of the one worker, to the next answer. Handshakes:
full ones of \`${command}\`, ${handshake.clients} at once, ${FEW} workers, RSA 2048. –: not measured, or there is no such thing.`,
    table(
      SINGLE_HEAD,
      singleRows(life.has(spared) ? lives.map(({ entry }) => entry) : entries, { calls, memory, life, tls }),
    ),
  ];
}
