import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { eventually } from './wait.js';

const linux = existsSync('/proc/self/stat');

/** The state and the parent of a process, on Linux; undefined if there is none of that pid. */
function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // They follow the name of the program, which may hold anything, even parentheses.
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2);
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Whether a process runs. A zombie (it has ended, and is not reaped yet) does not, though it can be signalled. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !linux || /^[^ZX]/.test(statOf(pid)?.state ?? '');
}

/** Resolves when none of the processes runs any more. */
export async function gone(...pids: number[]): Promise<void> {
  await eventually(() => !pids.some(alive), `the end of the processes ${pids.join(', ')}`);
}

export interface Child {
  readonly pid: number;
  readonly command: string;
}

/** The command line of a process as ps(1) prints it; nothing if it has just ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** The pids of all processes, on Linux. */
export function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/**
 * The children of a process, without those that have ended. Tests poll it, and starting ps(1) each time would take most
 * of a CPU; so on Linux it reads /proc.
 */
export function childrenOf(parent: number): Child[] {
  if (!linux) return childrenByPs(parent);
  return (childrenByThreads(parent) ?? allPids()).flatMap((pid) => {
    const stat = statOf(pid);
    return stat?.parent === parent && /[^ZX]/.test(stat.state) ? [{ pid, command: commandOf(pid) }] : [];
  });
}

/**
 * The children that the kernel lists for each thread, without a look at all processes. Undefined where the kernel has
 * no such list, or a thread ends meanwhile.
 */
function childrenByThreads(parent: number): number[] | undefined {
  try {
    const folder = `/proc/${parent}/task`;
    if (!existsSync(folder)) return [];
    const threads = readdirSync(folder);
    const read = (): number[] =>
      threads
        .flatMap((thread) => readFileSync(`${folder}/${thread}/children`, 'latin1').trim().split(' '))
        .filter(Boolean)
        .map(Number);
    // Read twice: a child may be left out when another one ends meanwhile.
    return [...new Set([...read(), ...read()])].sort((one, other) => one - other);
  } catch {
    return undefined;
  }
}

function childrenByPs(parent: number): Child[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((found) => Number(found?.[2]) === parent)
    .map((found) => ({ pid: Number(found?.[1]), command: found?.[3] ?? '' }))
    .filter(({ pid }) => alive(pid));
}

/** The pid of a master's guard, the little process that ends the workers when their master was killed. */
export function guardOf(master: number): number {
  const guards = childrenOf(master).filter(({ command }) => command.includes('prefork-guard'));
  if (guards.length !== 1) throw new Error(`the process ${master} has ${guards.length} guards`);
  return guards[0]?.pid as number;
}

/** Kills a process that may have ended already. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
