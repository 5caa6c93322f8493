import { debugGuard } from '../../debug.js';
import { ArbiterError } from '../../errors.js';
import { type Child, insist, spawnChild } from '../../system/child.js';
import { system } from '../../system/system.js';
import { SHELL } from './command.js';

/**
 * A tiny process that outlives the master by a moment. It knows the workers' pids and waits for the end of a pipe that
 * only the master can write to. However the master ends, SIGKILL included, that pipe ends too. Half a second later, the
 * guard kills what is left of the workers, and of what they have started.
 *
 * A worker sees the end of its own pipe and leaves by itself; the guard is for a worker that spins in a loop and sees
 * nothing. A watchdog thread in each worker could do the same for 11-20 MB each; this is one shell of 0.5 MB for
 * all of them.
 *
 * Protocol, one line each: `+PID` for a worker, `=PID` for a process that a worker has adopted, `-PID` to forget
 * either. The pids that are known when the guard starts are its arguments, since the master may end before it writes a
 * line.
 */
export interface Guard {
  watch(pid: number): void;
  /** Watches a process that a worker has started, and that is not in the worker's group. */
  adopt(pid: number): void;
  forget(pid: number): void;
  /** Lets the guard end; resolves when it has. All pids must have been forgotten. */
  close(): Promise<void>;
}

/** How long the workers have to finish by themselves. Seconds, for sleep(1). */
const GRACE = 0.5;

/*
 * A pid may belong to another process by the time of the kill. Linux tells when a process started (field 22 of
 * /proc/PID/stat; the name in field 2 may hold anything, so the count begins behind its last parenthesis). Only the
 * process that was announced is killed, with its group. If there is no process with that pid, whatever is left of its
 * group is killed. Without /proc, the pid alone must do.
 *
 * Signals are ignored: they are meant for the master, and the guard ends when the master does. The guard is in a group
 * of its own, since a SIGKILL to the master's group cannot be ignored.
 */
const SHELL_GUARD = `
trap '' HUP INT QUIT TERM TTIN TTOU USR1 USR2
born() { born=; { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 0; set -- \${stat##*) }; born=\${20}; }
workers= adopted=
remove() { kept=; for w in $2; do [ "\${w%%:*}" = "$1" ] || kept="$kept $w"; done; }
take() {
  pid=\${1#?}
  case $1 in
    +*) born "$pid"; workers="$workers $pid:$born" ;;
    =*) born "$pid"; [ -n "$born" ] && adopted="$adopted $pid:$born" ;;
    -*) remove "$pid" "$workers"; workers=$kept; remove "$pid" "$adopted"; adopted=$kept ;;
  esac
}
for known; do take "$known"; done
while read -r line; do take "$line"; done
[ -n "$workers" ] || exit 0
sleep ${GRACE} 2>/dev/null
for w in $adopted; do
  pid=\${w%%:*}
  born "$pid"
  [ "$born" = "\${w#*:}" ] || continue
  kill -9 "-$pid" 2>/dev/null
  kill -9 "$pid" 2>/dev/null
done
for w in $workers; do
  pid=\${w%%:*} was=\${w#*:}
  born "$pid"
  [ -n "$born" ] && [ "$born" != "$was" ] && continue
  kill -9 "-$pid" 2>/dev/null
  [ "$born" = "$was" ] && kill -9 "$pid" 2>/dev/null
done
exit 0
`;

/** The same without a shell, for images that have none: 41 MB instead of 0.5. */
const NODE_GUARD = `
for (const s of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2']) process.on(s, () => {});
const fs = require('node:fs'), workers = new Map(), adopted = new Map();
const born = (pid) => { try { return fs.readFileSync('/proc/' + pid + '/stat', 'latin1').split(') ').pop().split(' ')[19]; } catch {} };
const take = (line) => {
  const op = line[0], pid = line.slice(1);
  if (op === '+') workers.set(pid, born(pid));
  else if (op === '=') adopted.set(pid, born(pid) ?? '');
  else workers.delete(pid), adopted.delete(pid);
};
process.argv.slice(1).forEach(take);
require('node:readline').createInterface({ input: process.stdin }).on('line', take).on('close', () => setTimeout(() => {
  const kill = (pid) => { try { process.kill(pid, 'SIGKILL'); } catch {} };
  for (const [pid, was] of adopted) if (born(pid) === was) kill(-pid), kill(+pid);
  for (const [pid, was] of workers) {
    const now = born(pid);
    if (now === undefined || now === was) kill(-pid);
    if (now === was) kill(+pid);
  }
}, workers.size && ${GRACE * 1000}));
`;

/** After this many losses in a row, the host is told, once: something is wrong with this machine. */
const MAX_LOSSES = 5;
/**
 * After the first loss, a new guard starts at once. After the second, it waits this long, and after each further one
 * twice as long as before. Milliseconds.
 */
const RETRY = 250;
const LONGEST_RETRY = 30_000;
/** A guard that lived for this long was healthy: its loss begins a new row. Milliseconds. */
const STABLE_AFTER = 10_000;
/** How long the guard may take to end when it is told to. Milliseconds. */
const CLOSE_LIMIT = 2_000;

/**
 * Starts the guard. `onLost` is called when it could not be kept running; the workers go on, and the guard is tried
 * again.
 */
export function startGuard(onLost: (error: ArbiterError) => void): Guard {
  const pids = new Map<number, '+' | '='>();
  let child: Child | undefined;
  let startedAt = 0;
  let losses = 0;
  let retry: NodeJS.Timeout | undefined;
  let closing: (() => void) | undefined;

  const tell = (line: string): void => {
    if (!child?.stdin) return;
    try {
      system.write(child.stdin, `${line}\n`);
    } catch {
      insist(child, 'SIGKILL');
    }
  };
  const launch = (): void => {
    const [file = '', ...args] =
      SHELL === undefined ? [process.execPath, '-e', NODE_GUARD] : [SHELL, '-c', SHELL_GUARD, 'prefork-guard'];
    // It runs in / because any other working directory would keep a file system busy. Of the environment, it only needs
    // what finds sleep(1).
    const known = Array.from(pids, ([pid, kind]) => `${kind}${pid}`);
    const started = spawnChild(file, [...args, ...known], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'] },
    });
    child = started;
    startedAt = performance.now();
    // The guard must not keep the host alive.
    started.unref();
    (started.stdin as unknown as { unref(): void } | null)?.unref();
    // To the guard, the end of the pipe means that this process is gone, and it would kill the workers. So a guard
    // whose pipe breaks is killed. A guard that has ended by itself is reported by 'exit'.
    started.stdin?.on('error', () => insist(started, 'SIGKILL'));
    started.on('error', (error) => started.pid === undefined && lost(started, error));
    started.on('exit', (code, signal) => lost(started, new Error(`it ended with ${signal ?? `code ${code}`}`)));
    debugGuard('guard %d started', started.pid);
  };
  const lost = (gone: Child, cause: Error): void => {
    if (gone !== child) return;
    child = undefined;
    losses = performance.now() - startedAt < STABLE_AFTER ? losses + 1 : 1;
    if (closing) closing();
    // Somebody has killed the guard: a new one takes over.
    else if (losses === 1) launch();
    else retry = setTimeout(launch, Math.min(LONGEST_RETRY, RETRY * 2 ** (losses - 2))).unref();
    if (closing || losses !== MAX_LOSSES) return;
    const message =
      'the guard, which ends the workers if this process is killed, cannot be kept running; it is tried again';
    onLost(new ArbiterError('ERR_GUARD', `${message}: ${cause.message}`, { cause }));
  };

  launch();
  return {
    watch(pid) {
      pids.set(pid, '+');
      tell(`+${pid}`);
    },
    adopt(pid) {
      pids.set(pid, '=');
      tell(`=${pid}`);
    },
    forget(pid) {
      pids.delete(pid);
      tell(`-${pid}`);
    },
    close() {
      clearTimeout(retry);
      const last = child;
      if (!last) return Promise.resolve();
      return new Promise((resolve) => {
        const limit = setTimeout(() => {
          insist(last, 'SIGKILL');
          resolve();
        }, CLOSE_LIMIT);
        closing = () => {
          clearTimeout(limit);
          resolve();
        };
        last.ref();
        last.stdin?.end();
      });
    },
  };
}
