import { closeSync, openSync, readSync } from 'node:fs';

const bytes = Buffer.alloc(64);
const known = process.platform === 'linux';

/**
 * How long the main thread of a process could have run and waited for a CPU instead, since it began: milliseconds. Linux
 * counts that in /proc/PID/schedstat, its second number; 0 where nobody does. A wait that is not over is not in it.
 */
export function runDelay(pid: number): number {
  if (!known) return 0;
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/schedstat`, 'r');
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    return Number(bytes.toString('latin1', 0, length).split(' ')[1] ?? 0) / 1e6;
  } catch {
    // It has just ended; or this kernel does not count.
    return 0;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
