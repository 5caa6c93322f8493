/* Claim: kill -9 of random workers under load loses at most the request in flight, and leaks nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { closedLoop } from './harness/client.mjs';
import { rss } from './harness/proc.mjs';
import { report, table } from './harness/report.mjs';
import { settings } from './harness/settings.mjs';
import { startSoakHost } from './harness/soak-host.mjs';

const CLIENTS = 8;
/**
 * Only workers that have been ready for this long are killed. A younger one would be replaced after a backoff, and too
 * few workers would be left for the load. Milliseconds.
 */
const STABLE = 1_000;
/**
 * PAUSE is the least time from an exit to the next kill. A failed request is blamed on the last kill, and must come
 * within BLAME after the exit. Milliseconds.
 */
const PAUSE = 250;
const BLAME = 200;
/**
 * A client that is held up between its connect and its request may be parked: after 50 ms, or after 1 ms if there were
 * many such clients. Its worker then accepts another connection, and a kill loses both. The loss of a client that was
 * held up for longer than HELD_UP breaks no promise. So that there are few of them, a worker is killed only after this
 * process has had the CPU for CALM without a gap longer than GAP. Milliseconds.
 */
const HELD_UP = 1;
const CALM = 100;
const GAP = 40;
/** Kills before memory and descriptors are taken as the base of comparison. */
const WARM_UP = 20;
const MEGABYTE = 2 ** 20;
/** How much a master may have grown in the end: its heap after a GC, per kill; its resident memory, in all. Bytes. */
const HEAP_PER_KILL = 1_024;
const RESIDENT = 24 * MEGABYTE;
const RECOVERY_LIMIT = 20_000;

/**
 * Kills random workers under load. Returns which requests were lost, what has leaked, and which checks fail.
 *
 * @param {{ kills?: number, workers?: number }} [settings]
 */
export async function soak({ kills = 1_000, workers = 4 } = {}) {
  const host = await startSoakHost(workers);
  try {
    const load = startLoad(host.port);
    const base = await killing(host, load, Math.min(WARM_UP, kills), workers);
    const end = await killing(host, load, kills - base.kills, workers);
    const requests = await load.stop();
    const result = {
      kills,
      workers,
      requests,
      failures: load.failures,
      worstKill: Math.max(0, ...load.kills.map(({ failures }) => failures)),
      heldUp: load.failures.filter(({ heldUp }) => heldUp > HELD_UP).length,
      base,
      end: { ...end, ...(await state(host)), kills },
      family: host.family(),
    };
    await host.stop();
    return { ...result, ...judge(result, survivors(host)) };
  } finally {
    await host.stop();
  }
}

/** Starts the clients, and records for each failed request which kill it came after. */
function startLoad(port) {
  let stopped = false;
  let requests = 0;
  const kills = [];
  const failures = [];
  const onResult = (lost) => {
    requests++;
    if (lost === undefined) return;
    const last = kills.at(-1);
    // A failure before the exit is known belongs to the kill, however slow this machine is.
    const after = last ? Math.round(performance.now() - Math.min(last.over, performance.now())) : -1;
    if (last && lost.heldUp <= HELD_UP) last.failures++;
    failures.push({ ...lost, kill: kills.length, after });
  };
  const finished = closedLoop({ port, clients: CLIENTS, goOn: () => !stopped, onResult });
  return {
    kills,
    failures,
    stop() {
      stopped = true;
      return finished.then(() => requests);
    },
  };
}

async function killing(host, load, kills, workers) {
  for (let done = 0; done < kills; done++) {
    await sleep(PAUSE);
    const pid = await victim(host);
    await calm();
    const kill = { over: Number.POSITIVE_INFINITY, failures: 0 };
    load.kills.push(kill);
    process.kill(pid, 'SIGKILL');
    host.readySince.delete(pid);
    await eventually(() => host.exited.has(pid), `the exit of ${pid}`);
    kill.over = performance.now();
    if (load.kills.length % 100 === 0) console.error(`${load.kills.length} kills, ${load.failures.length} lost`);
  }
  await recovered(host, workers);
  return { kills, ...(await state(host)) };
}

/** Waits until this process gets the CPU regularly. Returns after STABLE in any case: some machines are never calm. */
async function calm() {
  const deadline = performance.now() + STABLE;
  for (let last = performance.now(), since = last; last - since < CALM && last < deadline; ) {
    await sleep(5);
    const now = performance.now();
    if (now - last > GAP) since = now;
    last = now;
  }
}

async function victim(host) {
  let stable = [];
  await eventually(() => {
    const before = performance.now() - STABLE;
    stable = [...host.readySince].filter(([, since]) => since < before);
    return stable.length > 0;
  }, `a worker that has been ready for ${STABLE} ms`);
  return stable[Math.floor(Math.random() * stable.length)][0];
}

async function recovered(host, workers) {
  await eventually(() => host.readySince.size >= workers, `${workers} workers`);
  // Leaves time for a worker too many to show up.
  await sleep(STABLE);
}

async function eventually(holds, what) {
  const deadline = performance.now() + RECOVERY_LIMIT;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${RECOVERY_LIMIT} ms in vain for ${what}`);
    await sleep(20);
  }
}

async function state(host) {
  const { heapUsed } = await host.memory();
  return { heapUsed, rss: rss(host.pid), descriptors: host.descriptors() };
}

/** Pids of workers that outlived their master. */
function survivors(host) {
  return [...host.everyPid].filter((pid) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  });
}

function judge({ kills, workers, failures, worstKill, base, end, family }, left) {
  const stray = failures.filter(({ after }) => after < 0 || after > BLAME);
  const [heap, resident] = [end.heapUsed - base.heapUsed, end.rss - base.rss];
  const checks = {
    'at most one request lost per kill': worstKill <= 1,
    'no request lost without a kill': stray.length === 0,
    'descriptors of the master do not grow': end.descriptors <= base.descriptors,
    'heap of the master does not grow': heap <= HEAP_PER_KILL * kills + MEGABYTE / 4,
    'resident memory of the master does not grow': resident <= RESIDENT,
    'the right workers, one guard, no zombie':
      JSON.stringify(family) === JSON.stringify({ workers, guards: 1, zombies: 0, others: 0 }),
    'no worker outlives the stop': left.length === 0,
  };
  const violations = Object.keys(checks).filter((name) => !checks[name]);
  return { checks, violations };
}

function print(result) {
  const { kills, workers, requests, failures, heldUp, base, end, family, checks } = result;
  const growth = ({ heapUsed, rss, descriptors }) => [
    (heapUsed / MEGABYTE).toFixed(2),
    (rss / MEGABYTE).toFixed(1),
    descriptors,
  ];
  report(
    `Soak: ${kills} times kill -9 of a random worker out of ${workers} under load`,
    `${CLIENTS} clients, a connection per request: ${requests} requests, ${failures.length} lost, ${heldUp} of clients that were held up. ${JSON.stringify(family)} at the end.`,
    table(
      ['master', 'heap MB', 'RSS MB', 'descriptors'],
      [
        [`after ${base.kills} kills`, ...growth(base)],
        [`after ${kills} kills`, ...growth(end)],
      ],
    ),
    table(
      ['check', 'holds'],
      Object.entries(checks).map(([name, holds]) => [name, holds ? 'yes' : '**no**']),
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await soak(settings({ kills: 1_000 }, { kills: 40 }));
  print(result);
  console.error(JSON.stringify(result));
  if (result.violations.length > 0) process.exitCode = 1;
}
