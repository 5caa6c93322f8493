/* Claim: a reload under load loses no request, whatever the client, and however long the application takes to load. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MixedLoad } from '../dist-test/helpers/mixed-load.js';
import { installed, startPeer } from './harness/peer.mjs';
import { installPm2, PM2, pm2Home } from './harness/pm2.mjs';
import { workersOf } from './harness/proc.mjs';
import { report, table } from './harness/report.mjs';
import { alternate, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

/** A request hangs if no byte comes for this long. Milliseconds. */
const SILENCE = 20_000;
/** How long a reload may take. Some peers wait for clients that keep their connection. Milliseconds. */
const RELOAD_LIMIT = 150_000;
/** How many answers must come before the first reload, and after each. */
const BETWEEN = 100;

const { workers, rounds, reloads, loadTime, slowLoadTime, clients, only } = settings(
  { workers: 4, rounds: 3, reloads: 3, loadTime: 300, slowLoadTime: 1_000, clients: 2, only: '' },
  { rounds: 1 },
);
const CLIENTS = { close: clients, keepAlive: clients, upload: 1, unix: clients };
const PEERS = ['prefork', 'prefork threaded', 'prefork async', 'pm2 reload', 'cluster, fork then disconnect'];
PEERS.push('gunicorn HUP');

const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let starts = 0;

/** One start of a peer, with all its reloads. */
async function measure(name, duration) {
  // Each start has a new socket path: a peer that left its socket file behind could not bind to the same path again.
  const socketPath = join(folder, `${++starts}.sock`);
  const pm2 = name === 'pm2 reload' ? pm2Home() : undefined;
  const env = { LOAD_TIME: String(duration), ...pm2?.env };
  const peer = await startPeer(name, workers, { app: 'deployed.mjs', socketPath }, env);
  const load = startLoad({ url: `http://127.0.0.1:${peer.port}/`, socketPath });
  await load.more(BETWEEN);
  load.longestGap = 0;
  const times = [];
  for (let reload = 0; reload < reloads; reload++) {
    const old = workersOf(peer.pid);
    const start = performance.now();
    if (pm2) await pm2.reload();
    else process.kill(peer.pid, 'SIGHUP');
    await replaced(peer, old, start);
    times.push((performance.now() - start) / 1_000);
    // Some peers do not wait until their new workers have loaded, so they get this time.
    await sleep(duration);
    await load.more(BETWEEN);
  }
  const { longestGap } = load;
  await load.stop();
  await peer.stop();
  return { answered: load.answered, failures: load.failures, times, longestGap };
}

function startLoad(target) {
  return new MixedLoad({ after: () => {} }, target, CLIENTS, { expects: /^hello\n$/, silence: SILENCE });
}

/** Resolves when all old workers have gone and there are at least as many new ones, or after RELOAD_LIMIT. */
async function replaced(peer, old, start) {
  for (;;) {
    const now = workersOf(peer.pid);
    if (now.length >= workers && !old.some((pid) => now.includes(pid))) return;
    if (performance.now() - start > RELOAD_LIMIT) {
      console.error(`${peer.name}: not all workers have been replaced within ${RELOAD_LIMIT} ms`);
      return;
    }
    await sleep(50);
  }
}

function row(name, runs) {
  const failures = runs.flatMap((run) => run.failures);
  for (const failure of failures.slice(0, 5)) console.error(`${name}: ${JSON.stringify(failure)}`);
  const count = (...kinds) => failures.filter(({ kind }) => kinds.includes(kind)).length;
  return [
    name,
    rounds * reloads,
    runs.reduce((sum, { answered }) => sum + answered, 0),
    `**${failures.length}**`,
    count('refused'),
    count('reset', 'hang up'),
    count('truncated', 'status', 'body', 'error'),
    count('hang'),
    spread(
      runs.flatMap(({ times }) => times),
      1,
    ),
    Math.max(...runs.map(({ longestGap }) => longestGap)).toFixed(0),
  ];
}

async function compare(duration) {
  console.error(`an application that loads in ${duration} ms`);
  const results = await alternate(names, rounds, (name) => measure(name, duration));
  return table(
    ['peer', 'reloads', 'answered', 'failed', 'refused', 'reset', 'other', 'hung', 's per reload', 'longest gap, ms'],
    results.map((runs, index) => row(names[index], runs)),
  );
}

const pm2Works = await installPm2();
const names = installed(PEERS)
  .filter((name) => name.includes(only))
  .filter((name) => name !== 'pm2 reload' || pm2Works);
const [usual, slow] = [await compare(loadTime), await compare(slowLoadTime)];
const kinds = Object.entries(CLIENTS).map(([kind, count]) => `${count} × ${kind}`);
report(
  'Reload under load: what is lost',
  `${rounds} alternating rounds of ${reloads} reloads, ${workers} workers. Clients: ${kinds.join(', ')}; an upload is 10 MB, and no request is
sent twice. A request hangs when no byte comes for ${SILENCE / 1_000} s. A reload lasts until the last of the old workers has gone. The longest
gap is the longest time without an answer. Prefork watches each batch of new workers for a second before the next one. PM2 is ${PM2}.`,
  `The application loads in ${loadTime} ms:`,
  usual,
  `The application loads in ${slowLoadTime} ms:`,
  slow,
);
