/* Claim: with one or two workers a request asks the kernel for no more than with `cluster`; and what it comes to with 32. */
import { installed, startPeer } from './harness/peer.mjs';
import { workersOf } from './harness/proc.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { settings } from './harness/settings.mjs';
import { countCalls, needStrace } from './harness/strace.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

/** By the number of workers. */
const TARGETS = { 1: 8.5, 2: 8.5, 32: 10 };
/** With many workers. */
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
const { ...load } = settings({ connections: 16, seconds: 3 }, { seconds: 1 });
const names = installed([
  'prefork',
  'prefork threaded',
  'prefork async',
  'cluster shared handle',
  'cluster round-robin',
  'gunicorn sync',
]);
const rows = [];
for (const workers of [1, 2, 32]) {
  // 32 of each take long to start.
  for (const name of names.filter((one) => workers < 32 || COMPARED.includes(one))) {
    console.error(`${name}, ${workers} workers`);
    const peer = await startPeer(name, workers);
    await loadPeer(peer, { ...load, seconds: 2 });
    const counts = await countCalls(workersOf(peer.pid), () => loadPeer(peer, load));
    await peer.stop();
    rows.push(rowOf(name, workers, counts));
  }
}

function rowOf(name, workers, counts) {
  const accept = counts.get('accept4') ?? { calls: 0, errors: 0 };
  // A worker that is handed its connections accepts none: each has been closed by it.
  const requests = accept.calls - accept.errors || (counts.get('close')?.calls ?? 0);
  const per = (names) => names.reduce((sum, call) => sum + (counts.get(call)?.calls ?? 0), 0) / requests;
  const total = per([...counts.keys()]);
  const listed = COLUMNS.map(([, names]) => per(names));
  const others = total - listed.reduce((sum, count) => sum + count, 0);
  const target = name === 'prefork' ? TARGETS[workers] : undefined;
  return [
    workers,
    name,
    total.toFixed(1),
    target ? atMost(target, total) : '',
    ...listed.map((count) => count.toFixed(2)),
    others.toFixed(2),
    requests,
  ];
}

report(
  `System calls per request: hello world, ${load.connections} connections, a connection per request`,
  `\`strace -f -c\` of all workers, while \`wrk ${wrkCommand('PORT', load).join(' ')}\` loads them. A master that accepts is not counted. What happens once in so many milliseconds counts for more than it is, since what is traced is slow.`,
  table(['workers', 'peer', 'system calls', 'target', ...COLUMNS.map(([title]) => title), 'others', 'requests'], rows),
);
