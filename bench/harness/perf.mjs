/* System calls of processes, counted by the kernel itself at full speed: strace makes a worker ten times slower. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { keep } from './peer.mjs';

/** How long perf needs to open its counters: some thousands of them with 32 workers. Milliseconds. */
const ATTACHING = 700;
const ALL = 'raw_syscalls:sys_enter';

/** Why perf cannot count system calls here; undefined if it can. */
export function noPerf() {
  const { error, stderr } = spawnSync('perf', ['stat', '-x', ';', '-e', ALL, 'true'], { encoding: 'utf8' });
  if (error) return "perf is not installed: 'apt-get install linux-perf'";
  return /^\d+;/m.test(stderr) ? undefined : 'the kernel has no tracepoints for perf, or only for root';
}

/**
 * Counts the system calls of some processes, with all their threads, while `run` runs. The keys of the result are the
 * names of the calls, as strace has them in {@link countCalls}, and `total`. Only accept4 has its failures counted. The
 * key `switches` is how often a thread has lost its CPU, by waiting or otherwise.
 *
 * @param {readonly number[]} pids
 * @param {readonly string[]} names
 * @param {() => Promise<unknown>} run
 * @returns {Promise<Map<string, { calls: number, errors: number }>>}
 */
export async function countAtSpeed(pids, names, run) {
  const { stdout } = spawnSync('perf', ['list', 'syscalls:sys_enter_*'], { encoding: 'utf8' });
  // Not every machine has every call: epoll_wait is missing on arm64.
  const known = names.filter((name) => new RegExp(`:sys_enter_${name}\\b`).test(stdout));
  const events = [
    ...[ALL, 'context-switches', ...known.map((name) => `syscalls:sys_enter_${name}`)].flatMap((name) => ['-e', name]),
    ...['-e', 'syscalls:sys_exit_accept4', '--filter', 'ret<0'],
  ];
  const perf = keep(
    spawn('perf', ['stat', '-x', ';', ...events, '-p', pids.join(',')], { stdio: ['ignore', 'ignore', 'pipe'] }),
  );
  let text = '';
  perf.stderr.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  const ended = once(perf, 'close');
  await Promise.race([sleep(ATTACHING), ended]);
  await run();
  perf.kill('SIGINT');
  await ended;
  // perf prints one line for each event, in the order of the arguments.
  const numbers = text.split('\n').flatMap((line) => /^(\d+);/.exec(line)?.[1] ?? []);
  if (numbers.length !== known.length + 3) throw new Error(`perf: ${text}`);
  const [total, switches, ...calls] = numbers.map(Number);
  const failed = calls.pop();
  return new Map([
    ...known.map((name, index) => [name, { calls: calls[index], errors: name === 'accept4' ? failed : 0 }]),
    ['total', { calls: total, errors: 0 }],
    ['switches', { calls: switches, errors: 0 }],
  ]);
}
