import type { KernelState } from '../protocol/activity.js';
import { closeQuietly, files } from './files.js';

/** The system calls in which a thread of Node, or of an addon, is found at all. Others are named by their number. */
const CALLS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  x64: {
    ...{ 0: 'read', 1: 'write', 7: 'poll', 17: 'pread64', 18: 'pwrite64', 19: 'readv', 20: 'writev', 23: 'select' },
    ...{ 35: 'nanosleep', 42: 'connect', 43: 'accept', 44: 'sendto', 45: 'recvfrom', 46: 'sendmsg', 47: 'recvmsg' },
    ...{ 61: 'wait4', 72: 'fcntl', 73: 'flock', 74: 'fsync', 75: 'fdatasync', 202: 'futex', 230: 'clock_nanosleep' },
    ...{ 232: 'epoll_wait', 247: 'waitid', 257: 'openat', 270: 'pselect6', 271: 'ppoll', 281: 'epoll_pwait' },
  },
  arm64: {
    ...{
      22: 'epoll_pwait',
      25: 'fcntl',
      32: 'flock',
      56: 'openat',
      63: 'read',
      64: 'write',
      65: 'readv',
      66: 'writev',
    },
    ...{ 67: 'pread64', 68: 'pwrite64', 72: 'pselect6', 73: 'ppoll', 82: 'fsync', 83: 'fdatasync', 95: 'waitid' },
    ...{ 98: 'futex', 101: 'nanosleep', 115: 'clock_nanosleep', 202: 'accept', 203: 'connect', 206: 'sendto' },
    ...{ 207: 'recvfrom', 211: 'sendmsg', 212: 'recvmsg', 260: 'wait4' },
  },
};

/**
 * What the kernel says of a thread now, see proc(5). Known on Linux only. It is the state alone for a process of
 * another account, and where the system keeps the rest to itself.
 *
 * @param folder - the folder of the thread in /proc.
 */
export function kernelState(folder: string): KernelState | undefined {
  const stat = text(`${folder}/stat`);
  // The state comes after the name, which may hold anything.
  const state = stat.charAt(stat.lastIndexOf(')') + 2);
  if (state === '') return undefined;
  const [number = ''] = text(`${folder}/syscall`).split(' ');
  const wchan = text(`${folder}/wchan`);
  return {
    state,
    ...(/^\d+$/.test(number) && { syscall: CALLS[process.arch]?.[Number(number)] ?? number }),
    ...(/^[\w.]*[a-z][\w.]*$/i.test(wchan) && { wchan }),
  };
}

function text(path: string): string {
  let fd: number | undefined;
  try {
    fd = files.openSync(path, 'r');
    const bytes = Buffer.alloc(512);
    return bytes.toString('latin1', 0, files.readSync(fd, bytes, 0, bytes.length, 0)).trimEnd();
  } catch {
    return '';
  } finally {
    if (fd !== undefined) closeQuietly(fd);
  }
}
