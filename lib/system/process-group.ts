import { HAS_TABLE, type ProcessRow, readTable, rowOf } from './process-table.js';
import { processes } from './processes.js';

/*
 * A worker leads a process group of its own (in fact a session: Node has no other way to make a group). What the worker
 * starts is in that group too, unless it asks for another one.
 *
 * Which process does a number mean? The kernel does not give a pid to another process as long as its process has not
 * been reaped, or as long as a group with that number has a member. So the group of a process that has not been reaped
 * can be killed by its number.
 */

/** A process, identified by its pid and the time at which it was started. */
export interface Kin {
  readonly pid: number;
  readonly born: number;
}

/** Kills the group of a leader that has not been reaped. Returns whether there was a group. */
export function killGroup(leader: number): boolean {
  try {
    processes.killGroup(leader, 'SIGKILL');
    return true;
  } catch {
    // The process leads no group, or there is nobody left in it whom this process may signal.
    return false;
  }
}

/**
 * Kills what is left in the group of a process that has just been reaped. If nothing is left, the number may be another
 * process's by now. But then that process exists, and nothing is killed.
 */
export function sweepGroup(leader: number): void {
  if (isFree(leader)) killGroup(leader);
}

/**
 * Whether no process has that pid. Where that cannot be found out, the answer is no: to kill another's group would be
 * worse than to leave one.
 */
function isFree(pid: number): boolean {
  try {
    processes.probe(pid);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Ends this process, with everything in the group that it leads. */
export function killOwnGroup(): void {
  killGroup(process.pid);
  // Only reached if this process leads no group: whoever started it did so in another way.
  process.kill(process.pid, 'SIGKILL');
}

/** Kills a process, if it is still the same one, with the group that it leads. */
export function killKin({ pid, born }: Kin): void {
  if (rowOf(pid)?.born !== born || killGroup(pid)) return;
  signal(pid, 'SIGKILL');
}

/**
 * Kills children of this process that are in its own group, and everything that they have started there. Each process
 * is stopped first, so that none can start another one that this does not see.
 */
export function killChildren(children: readonly Kin[]): void {
  if (!HAS_TABLE) {
    for (const { pid } of children) signal(pid, 'SIGKILL');
    return;
  }
  const found = new Set<number>();
  for (let fresh: readonly ProcessRow[] = []; ; ) {
    fresh = familyOf(children, readTable()).filter(({ pid }) => !found.has(pid));
    if (fresh.length === 0) break;
    for (const { pid } of fresh) {
      found.add(pid);
      signal(pid, 'SIGSTOP');
    }
  }
  for (const pid of found) signal(pid, 'SIGKILL');
}

/** The children of this process that are in its group and are not among the `known` ones. */
export function strangers(known: readonly Kin[]): Kin[] {
  if (!HAS_TABLE) return [];
  const rows = [...readTable().values()].filter((row) => row.parent === process.pid && isNear(row));
  return rows.filter(({ pid, born }) => !known.some((kin) => kin.pid === pid && kin.born === born));
}

/** These children and their descendants, as far as they are in the group of this process. */
function familyOf(children: readonly Kin[], table: ReadonlyMap<number, ProcessRow>): ProcessRow[] {
  const rows = [...table.values()].filter(isNear);
  const family = rows.filter(
    ({ pid, born, parent }) => parent === process.pid && children.some((kin) => kin.pid === pid && kin.born === born),
  );
  // The list grows while it is walked through.
  for (const { pid } of family) family.push(...rows.filter(({ parent }) => parent === pid));
  return family;
}

function isNear({ group, zombie }: ProcessRow): boolean {
  return group === process.pid && !zombie;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    processes.killPid(pid, name);
  } catch {
    // The process has ended.
  }
}
