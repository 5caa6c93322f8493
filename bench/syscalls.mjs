/* Claim: with 1 or 2 workers, a request takes no more system calls than with `cluster`. 32 workers are shown too. */
import { installed, startPeer } from './harness/peer.mjs';
import { countAtSpeed, noPerf } from './harness/perf.mjs';
import { workersOf } from './harness/proc.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { settings } from './harness/settings.mjs';
import { countCalls, needStrace } from './harness/strace.mjs';
import { warmUp } from './harness/warm.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

/** By the number of workers. */
const TARGETS = { 1: 8.5, 2: 8.5, 32: 10 };
/** The peers that are measured with 32 workers. */
const COMPARED = ['prefork', 'cluster shared handle', 'gunicorn sync'];
const COLUMNS = [
  ['epoll_ctl', ['epoll_ctl']],
  ['epoll_wait', ['epoll_pwait', 'epoll_wait']],
  ['pwrite, pread', ['pwrite64', 'pread64']],
  ['accept', ['accept4']],
  ['read', ['read', 'recvfrom', 'recv']],
  ['write', ['write', 'writev', 'sendto', 'send', 'sendmsg']],
  ['shutdown, close', ['shutdown', 'close']],
  ['futex', ['futex']],
];

needWrk();
needStrace();
const { warm, ...load } = settings({ connections: 16, seconds: 3, warm: 30 }, { seconds: 1, warm: 4 });
const names = installed([
  'prefork',
  'prefork threaded',
  'prefork async',
  'cluster shared handle',
  'cluster round-robin',
  'gunicorn sync',
]);
const COUNTED = COLUMNS.flatMap(([, calls]) => calls).filter((name) => !['recv', 'send'].includes(name));
const missing = noPerf();
const [rows, atSpeed] = [[], []];
for (const workers of [1, 2, 32]) {
  // 32 workers take long to start, so only some peers have them.
  for (const name of names.filter((one) => workers < 32 || COMPARED.includes(one))) {
    console.error(`${name}, ${workers} workers`);
    const peer = await startPeer(name, workers);
    await warmUp(peer, workers, load, warm);
    const pids = workersOf(peer.pid);
    // perf counts before strace, since a process that has been traced is slower for a while.
    if (missing === undefined) {
      const counts = await countAtSpeed(pids, COUNTED, () => loadPeer(peer, load));
      const { calls: total } = counts.get('total');
      const { calls: switches } = counts.get('switches');
      const [cells, requests] = cellsOf(name, workers, counts, total);
      atSpeed.push([...cells, (switches / requests).toFixed(2), requests]);
    }
    const counts = await countCalls(pids, () => loadPeer(peer, load));
    await peer.stop();
    const total = [...counts.values()].reduce((sum, { calls }) => sum + calls, 0);
    rows.push(cellsOf(name, workers, counts, total).flat());
  }
}

/** The cells of a row, and the number of requests that they are of. */
function cellsOf(name, workers, counts, all) {
  const accept = counts.get('accept4') ?? { calls: 0, errors: 0 };
  // A worker that is handed its connections accepts none, but closes each of them.
  const requests = accept.calls - accept.errors || (counts.get('close')?.calls ?? 0);
  const per = (names) => names.reduce((sum, call) => sum + (counts.get(call)?.calls ?? 0), 0) / requests;
  const total = all / requests;
  const listed = COLUMNS.map(([, names]) => per(names));
  const others = total - listed.reduce((sum, count) => sum + count, 0);
  const target = name === 'prefork' ? TARGETS[workers] : undefined;
  const cells = [
    workers,
    name,
    total.toFixed(1),
    target ? atMost(target, total) : '',
    ...listed.map((count) => count.toFixed(2)),
    others.toFixed(2),
  ];
  return [cells, requests];
}

const HEAD = ['workers', 'peer', 'system calls', 'target', ...COLUMNS.map(([title]) => title), 'others'];
report(
  `System calls per request: hello world, ${load.connections} connections, a connection per request`,
  `While \`wrk ${wrkCommand('PORT', load).join(' ')}\` loads all workers. A master that accepts is not counted. Before, each peer is loaded until its workers have served 5,000 requests each, for ${warm} s at most: compiling and the first garbage collections take further system calls.`,
  `Counted by the kernel at full speed (\`perf stat\`, its tracepoints)${missing === undefined ? '; beside them how often a thread of a worker has lost its CPU' : `: not here, ${missing}`}.`,
  ...(missing === undefined ? [table([...HEAD, 'context switches', 'requests'], atSpeed)] : []),
  'By `strace -f -c`, which makes a worker ten times slower: calls that are made at fixed intervals count for too much per request, and each request is there before its connection is accepted.',
  table([...HEAD, 'requests'], rows),
);
