import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { eventually } from './wait.js';

/** Whether a process runs. One that has ended and that nobody has reaped yet does not, though it can be signalled. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (!existsSync('/proc/self/stat')) return true;
    // The state follows the name, which may hold anything, parentheses too.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Resolves when none of the processes runs any more. */
export async function gone(...pids: number[]): Promise<void> {
  await eventually(() => !pids.some(alive), `the end of the processes ${pids.join(', ')}`);
}

export interface Child {
  readonly pid: number;
  readonly command: string;
}

/** The children of a process, without those that have ended. */
export function childrenOf(parent: number): Child[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((found) => Number(found?.[2]) === parent)
    .map((found) => ({ pid: Number(found?.[1]), command: found?.[3] ?? '' }))
    .filter(({ pid }) => alive(pid));
}

/** The pid of the little process that ends the workers when their master was killed. */
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
