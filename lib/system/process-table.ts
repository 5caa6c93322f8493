import { files } from './files.js';

/** What Linux says of a process in /proc. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** The number of its process group. */
  readonly group: number;
  /**
   * When it was started, in clock ticks since the system was started. Together with the pid, this names one process for
   * ever.
   */
  readonly born: number;
  /** Whether it has ended without having been reaped by its parent. */
  readonly zombie: boolean;
}

/** Whether the system has such a table: Linux, with /proc. */
export const HAS_TABLE: boolean = process.platform === 'linux' && rowOf(process.pid) !== undefined;

/** The process of that pid; undefined when there is none, and where the system does not tell. */
export function rowOf(pid: number): ProcessRow | undefined {
  try {
    return parseRow(files.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // The process has ended.
    return undefined;
  }
}

/** All processes, by pid. Reading takes about 40 µs for each, so this is for rare cases. */
export function readTable(): Map<number, ProcessRow> {
  const rows = new Map<number, ProcessRow>();
  for (const name of files.readdirSync('/proc')) {
    const row = /^\d+$/.test(name) ? rowOf(Number(name)) : undefined;
    if (row) rows.set(row.pid, row);
  }
  return rows;
}

/** Parses proc_pid_stat(5). The name, which is the second field, may hold anything, also parentheses and spaces. */
export function parseRow(stat: string): ProcessRow {
  const end = stat.lastIndexOf(')');
  const [state, parent, group, ...rest] = stat.slice(end + 2).split(' ');
  const zombie = state === 'Z' || state === 'X';
  return {
    ...{ pid: Number.parseInt(stat, 10), parent: Number(parent), group: Number(group) },
    ...{ born: Number(rest[16]), zombie },
  };
}

/** Whether a process was started by `ancestor`, or by a descendant of it. */
export function descends(pid: number, ancestor: number): boolean {
  for (let row = rowOf(pid); row !== undefined && row.parent > 0; row = rowOf(row.parent)) {
    if (row.parent === ancestor) return true;
  }
  return false;
}
