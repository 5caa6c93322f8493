import { closeSync, openSync } from 'node:fs';
import { FD, type WorkerSpec } from '../protocol/spec.js';

/** The descriptors of one acceptor's listening sockets: fd 0, and the acceptor's own copy of each further one. */
export function socketsOf({ sockets }: WorkerSpec, copy: number): number[] {
  const further = Math.max(0, sockets - 1);
  return Array.from({ length: sockets }, (_, index) =>
    index === 0 ? FD.SOCKET : FD.EXTRA_SOCKETS + copy * further + index - 1,
  );
}

/**
 * The same sockets in the form that {@link peersOf} takes. Sockets that this library has opened, and not another
 * program such as a service manager, are given by name, since their descriptors may be closed by then.
 */
export function namesOf(spec: WorkerSpec, copy: number): (string | number)[] {
  return socketsOf(spec, copy).map((fd, index) => spec.locals[index] ?? fd);
}

/**
 * Closes those descriptors of the listening sockets that no server of this process has closed: the copies that were not
 * given to threads, and fd 0, which libuv leaves open. When the last descriptor in any process is closed, the socket
 * goes away, and new clients are refused at once. Sockets that others go on serving stay open.
 *
 * @param copies - how many copies of the further sockets have been given to threads.
 */
export function closeSockets(spec: WorkerSpec, copies: number = spec.copies): void {
  for (let copy = copies; copy < spec.copies; copy++) {
    for (const [index, fd] of socketsOf(spec, copy).entries()) {
      if (index > 0 && spec.locals[index] !== null) closeSync(fd);
    }
  }
  if (spec.locals[0] === null || spec.sockets === 0) return;
  closeSync(FD.SOCKET);
  // fd 0 is taken again at once, so that the next file to be opened does not become standard input. (Another thread may
  // open something in between; with a file that does no harm.)
  try {
    openSync('/dev/null', 'r');
  } catch {
    // fd 0 was the last free descriptor, and another thread has taken it.
  }
}
