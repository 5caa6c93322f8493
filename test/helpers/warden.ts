import { type ChildProcess, spawn } from 'node:child_process';

/*
 * Hosts are in sessions of their own, so what ends a run of tests from outside does not reach them: `timeout`, a closed terminal, a kill. A little process
 * reads a pipe whose other end is in this one, and when that closes, however this one has ended, it kills the hosts that are left; their guards do the
 * same for the workers.
 */
const SCRIPT = `
trap '' HUP INT TERM
pids=' '
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
`;

let warden: ChildProcess | undefined;

/** Has a process killed when this one is gone. Returns what to call once it has ended: its pid may soon be another's. */
export function watchOver(pid: number): () => void {
  warden ??= start();
  const { stdin } = warden;
  stdin?.write(`+ ${pid}\n`);
  return () => void stdin?.write(`- ${pid}\n`);
}

function start(): ChildProcess {
  const child = spawn('sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.unref();
  // It is there for this process, and does not keep it.
  (child.stdin as unknown as { unref(): void }).unref();
  child.stdin?.on('error', () => undefined);
  return child;
}
