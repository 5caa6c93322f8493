/*
 * No claim: this shows where the time of a short request goes, beside cluster's shared handle. Variants take away what
 * the model costs, piece by piece. If a ratio of throughput.mjs cannot be reached, this shows why.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { installed, startPeer } from './harness/peer.mjs';
import { countAtSpeed, noPerf } from './harness/perf.mjs';
import { stat, workersOf } from './harness/proc.mjs';
import { NAMED, profile, removeLogs } from './harness/profile.mjs';
import { report, table } from './harness/report.mjs';
import { alternate, median } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { loadPeer, needWrk, parseWrk, wrkCommand } from './harness/wrk.mjs';

needWrk();
const missing = noPerf();
const { workers, rounds, warmUp, ...load } = settings(
  { workers: 2, connections: 16, rounds: 5, seconds: 3, warmUp: 8 },
  { rounds: 2, seconds: 1, warmUp: 3 },
);
/** Each variant takes something away: by a variable, or as another peer. */
const VARIANTS = [
  { title: 'prefork sync', name: 'prefork' },
  { title: 'without the fast turn', name: 'prefork', env: { PREFORK_FAST_TURN: 'off' } },
  { title: 'told of a connection when its request is there', name: 'prefork, deferred accept' },
  { title: 'prefork async: many at once', name: 'prefork async' },
  { title: 'bare fd 0 loop: one at a time, without the library', name: 'bare fd 0 loop' },
  { title: 'cluster shared handle: many at once, without the library', name: 'cluster shared handle' },
  { title: 'gunicorn sync', name: 'gunicorn sync' },
].filter(({ name }) => installed([name]).length > 0);

/**
 * Sums over all threads of some processes: nanoseconds on a CPU, nanoseconds of waiting for one, and context switches.
 * Those are voluntary when the thread waits for something, else forced.
 */
function figures(pids) {
  const sum = { cpu: 0, waited: 0, voluntary: 0, forced: 0 };
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const read = (name) => readFileSync(`/proc/${pid}/task/${thread}/${name}`, 'latin1');
      const [cpu, waited] = read('schedstat').split(' ').map(Number);
      const [, voluntary, forced] = /voluntary_ctxt_switches:\s+(\d+)\s+nonvoluntary_ctxt_switches:\s+(\d+)/.exec(
        read('status'),
      );
      sum.cpu += cpu;
      sum.waited += waited;
      sum.voluntary += Number(voluntary);
      sum.forced += Number(forced);
    }
  }
  return sum;
}

/** Measures what the workers and the client use for each request, in one round. */
async function measure({ peer, pids }) {
  const before = figures(pids);
  const client = execFile('wrk', wrkCommand(peer.port, load));
  // A process that has ended has no figures in /proc, so the last ones from before are kept.
  let last = figures([client.pid]);
  const look = setInterval(() => {
    try {
      const now = figures([client.pid]);
      // wrk's threads end one after the other, so the sum falls at the end.
      if (now.cpu > last.cpu) last = now;
    } catch {
      clearInterval(look);
    }
  }, 100);
  let text = '';
  client.stdout.on('data', (more) => {
    text += more;
  });
  await new Promise((resolve) => client.once('close', resolve));
  clearInterval(look);
  const after = figures(pids);
  const { requests, rate } = parseWrk(text);
  const per = (key) => (after[key] - before[key]) / requests;
  return {
    rate,
    cpu: per('cpu') / 1_000,
    waited: per('waited') / 1_000,
    voluntary: per('voluntary'),
    forced: per('forced'),
    client: last.cpu / 1_000 / requests,
    clientSwitches: (last.voluntary + last.forced) / requests,
  };
}

const started = [];
for (const { title, name, env } of VARIANTS) {
  console.error(title);
  const peer = await startPeer(name, workers, {}, env);
  await loadPeer(peer, { ...load, seconds: warmUp });
  started.push({ title, peer, pids: workersOf(peer.pid) });
}
const results = await alternate(started, rounds, measure);
const CALLS = ['accept4', 'epoll_ctl', 'epoll_pwait', 'read'];
const rows = [];
for (const [index, { title, peer, pids }] of started.entries()) {
  const middle = (key, digits) => median(results[index].map((result) => result[key])).toFixed(digits);
  const counted = [];
  if (missing === undefined) {
    let requests;
    const counts = await countAtSpeed(pids, CALLS, async () => ({ requests } = await loadPeer(peer, load)));
    for (const name of ['total', ...CALLS]) counted.push(((counts.get(name)?.calls ?? 0) / requests).toFixed(2));
  }
  rows.push([
    title,
    ...[middle('rate', 0), middle('cpu', 1), middle('waited', 1), middle('voluntary', 2), middle('forced', 2)],
    ...[middle('client', 1), middle('clientSwitches', 2)],
    ...counted,
  ]);
  await peer.stop();
}

/** Kinds of code whose share is below this are shown together, as one row. */
const LEAST = 0.005;
const PROFILED = ['prefork', 'cluster shared handle', 'prefork async'];
async function profiles() {
  const taken = new Map();
  const cpus = new Map();
  for (const name of PROFILED) {
    console.error(`profile of ${name}`);
    const peer = await startPeer(name, workers, {}, { NODE_OPTIONS: NAMED });
    await loadPeer(peer, { ...load, seconds: warmUp });
    const pids = workersOf(peer.pid);
    let used;
    taken.set(
      name,
      await profile(pids, async () => {
        const before = pids.reduce((sum, pid) => sum + stat(pid).cpu, 0);
        const { requests } = await loadPeer(peer, load);
        used = ((pids.reduce((sum, pid) => sum + stat(pid).cpu, 0) - before) / requests) * 1e6;
      }),
    );
    cpus.set(name, used);
    await peer.stop();
    removeLogs();
  }
  const share = (name, kind) => taken.get(name).get(kind) ?? 0;
  const all = [...new Set(PROFILED.flatMap((name) => [...taken.get(name).keys()]))];
  const shown = all.filter((kind) => PROFILED.some((name) => share(name, kind) >= LEAST)).sort();
  const cells = (shares) => PROFILED.map((name) => (shares(name) * cpus.get(name)).toFixed(1));
  return table(
    ['CPU µs per request', ...PROFILED],
    [
      ...shown.map((kind) => [kind, ...cells((name) => share(name, kind))]),
      ['all else', ...cells((name) => 1 - shown.reduce((sum, kind) => sum + share(name, kind), 0))],
      ['**sum**', ...cells(() => 1)],
    ],
  );
}

report(
  `Where the time goes: ${workers} workers, hello world, ${load.connections} connections, a connection per request`,
  `${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`, behind ${warmUp} s each that compile the code; medians. Per request: CPU of all threads of the workers, how long they waited for one, how often they gave it up (waited) or lost it (forced), and the same of wrk; and what they asked the kernel for, as \`perf\` counts it.`,
  table(
    [
      ...[
        '',
        'requests/s',
        'CPU µs',
        'waited for a CPU µs',
        'switches, waited',
        'forced',
        'wrk CPU µs',
        'wrk switches',
      ],
      ...(missing === undefined ? ['system calls', 'accept', 'epoll_ctl', 'epoll_wait', 'read'] : []),
    ],
    rows,
  ),
  ...(missing === undefined
    ? [
        'The same of a profile (`perf record`, which costs some of it; V8 names its functions), by the innermost frame; in the kernel by system call:',
        await profiles(),
      ]
    : [`No profile: ${missing}.`]),
);
