import { type ChildProcess, spawn } from 'node:child_process';

/*
 * Hosts are in sessions of their own, so what ends a run of tests from outside (`timeout`, a closed terminal, a kill)
 * does not reach them. The warden, a little process, reads a pipe whose other end is in this process. When the pipe
 * closes, however this process has ended, the warden kills the hosts that are left. Their guards do the same for the
 * workers.
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

/**
 * Has a process killed when this one is gone. Returns a function to call once it has ended, since its pid may soon be
 * another's.
 */
export function watchOver(pid: number): () => void {
  warden ??= start();
  const { stdin } = warden;
  stdin?.write(`+ ${pid}\n`);
  return () => void stdin?.write(`- ${pid}\n`);
}

function start(): ChildProcess {
  const child = spawn('sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.unref();
  // The pipe must not keep this process alive.
  (child.stdin as unknown as { unref(): void }).unref();
  child.stdin?.on('error', () => undefined);
  return child;
}
