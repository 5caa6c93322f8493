import { files } from './files.js';

/** What Linux says of a process in /proc. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Of its process group. */
  readonly group: number;
  /** When it was started, ticks since the system was: with the pid, it names one process for ever. */
  readonly born: number;
  /** It has ended, and its parent has not asked for its status. */
  readonly zombie: boolean;
}

/** Whether the system has such a table. */
export const HAS_TABLE: boolean = process.platform === 'linux' && rowOf(process.pid) !== undefined;

/** The process of that pid; undefined when there is none, and where nobody knows. */
export function rowOf(pid: number): ProcessRow | undefined {
  try {
    return parseRow(files.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // It has ended.
    return undefined;
  }
}

/** All processes, by pid. It takes about 40 µs for each, so it is for the rare case. */
export function readTable(): Map<number, ProcessRow> {
  const rows = new Map<number, ProcessRow>();
  for (const name of files.readdirSync('/proc')) {
    const row = /^\d+$/.test(name) ? rowOf(Number(name)) : undefined;
    if (row) rows.set(row.pid, row);
  }
  return rows;
}

/** Of proc_pid_stat(5): the name, which is the second field, may hold anything, also parentheses and spaces. */
export function parseRow(stat: string): ProcessRow {
  const end = stat.lastIndexOf(')');
  const [state, parent, group, ...rest] = stat.slice(end + 2).split(' ');
  const zombie = state === 'Z' || state === 'X';
  return {
    ...{ pid: Number.parseInt(stat, 10), parent: Number(parent), group: Number(group) },
    ...{ born: Number(rest[16]), zombie },
  };
}

/** Whether one process was started by another, or by one that was. */
export function descends(pid: number, ancestor: number): boolean {
  for (let row = rowOf(pid); row !== undefined && row.parent > 0; row = rowOf(row.parent)) {
    if (row.parent === ancestor) return true;
  }
  return false;
}
