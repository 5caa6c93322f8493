import { spawnSync } from 'node:child_process';
import type { Host, HostSettings } from './host.js';

/** Says why tests of terminals cannot run here. */
export const noTerminals: string | false =
  spawnSync('python3', ['-c', 'import pty, termios']).status === 0 ? false : 'no python3 that opens terminals';

/*
 * Runs a command on a terminal, prints what the command prints, and exits as it does. USR1 changes the size of the
 * window, USR2 closes it. Descriptor 3, the channel to the test, is left to the command.
 */
const PROGRAM = `
import fcntl, os, pty, select, signal, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
os.close(3)
state = {'rows': 24, 'closed': False}
def resize(*_):
    state['rows'] += 1
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', state['rows'], 80, 0, 0))
def close(*_):
    state['closed'] = True
signal.signal(signal.SIGUSR1, resize)
signal.signal(signal.SIGUSR2, close)
while not state['closed']:
    if not select.select([terminal], [], [], 0.05)[0]: continue
    try: text = os.read(terminal, 4096)
    except OSError: break
    os.write(1, text)
os.close(terminal)
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

/** Settings that run the host on a terminal, as its session leader, or as the job of a shell that is the leader. */
export function onTerminal(kind: 'leader' | 'job'): HostSettings {
  const shell = kind === 'job' ? ['/bin/sh', '-c', '"$@"; exit $?', 'sh'] : [];
  return { execPath: 'python3', execArgv: ['-c', PROGRAM, ...shell, process.execPath] };
}

/** Changes the size of the window. */
export function resize(host: Host): void {
  host.kill('SIGUSR1');
}

export function closeTerminal(host: Host): void {
  host.kill('SIGUSR2');
}
