import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const O_NONBLOCK = 0o4000;

/** What a descriptor of a process is, as Linux names it: `socket:[INODE]`, `pipe:[INODE]`, a path. */
export function target(pid: number | 'self', fd: number): string {
  return readlinkSync(`/proc/${pid}/fd/${fd}`);
}

/** All open descriptors of a process. */
export function targets(pid: number | 'self'): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return target(pid, Number(fd));
    } catch {
      // The descriptor with which the folder was read is closed by now.
      return [];
    }
  });
}

/**
 * How many sockets a process has open. Only sockets are counted, since the watchdog of a worker opens files of its own
 * whenever it is up.
 */
export function openSockets(pid: number): number {
  return targets(pid).filter((opened) => opened.startsWith('socket:')).length;
}

/**
 * Whether reads and accepts on a descriptor return at once. The flag belongs to the open socket, so all processes that
 * have it share the flag.
 */
export function isNonBlocking(pid: number, fd: number): boolean {
  const [, flags = ''] = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? [];
  return (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0;
}
