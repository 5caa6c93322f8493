/* What Linux tells of a process, from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Clock ticks per second in /proc, `getconf CLK_TCK`: 100 wherever Node runs. */
const TICKS = 100;

/**
 * State letter, parent and CPU time of a process. CPU time is in seconds: user and system, all threads. `ended` is the
 * CPU time of the children that have ended and that the process has waited for, and of their own such children.
 */
export function stat(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in parentheses may contain anything, so the fields are counted from its end: the first one is the state.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const seconds = (at) => (Number(fields[at]) + Number(fields[at + 1])) / TICKS;
  return { state: fields[0], parent: Number(fields[1]), cpu: seconds(11), ended: seconds(13) };
}

/** Resident memory in bytes. */
export function rss(pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kilobytes) * 1024;
}

/** Proportional set size in bytes: pages that several processes share are divided among them. */
export function pss(pid) {
  const [, kilobytes] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')) ?? [];
  return Number(kilobytes) * 1024;
}

/** How many file descriptors this process may open (the hard limit). Its children inherit the limit. */
export function descriptorLimit() {
  const [, , hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

/** What the open file descriptors refer to, without the inode numbers, which differ for each pipe or socket. */
export function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/:\[\d+\]$/, ''))
    .sort();
}

export function commandLine(pid) {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
}

/** Pids of the direct children, zombies included. */
export function children(pid) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => gone(() => stat(candidate).parent === pid) ?? false);
}

/** The pids of the processes that serve for a master: its children except the guard. */
export function workersOf(pid) {
  return children(pid).filter(
    (child) => !(gone(() => commandLine(child)) ?? 'prefork-guard').includes('prefork-guard'),
  );
}

/** CPU seconds of a process, and the sum for its direct children. */
export function cpu(pid) {
  return {
    master: stat(pid).cpu,
    workers: children(pid).reduce((sum, child) => sum + (gone(() => stat(child).cpu) ?? 0), 0),
  };
}

/** What `read` returns, or undefined if the process has ended meanwhile. */
function gone(read) {
  try {
    return read();
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
    throw error;
  }
}
