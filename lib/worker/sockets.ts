import { closeSync, openSync } from 'node:fs';
import { FD, type WorkerSpec } from '../protocol/spec.js';

/** The descriptors of the listening sockets that one acceptor has: fd 0, and a copy of each further one. */
export function socketsOf({ sockets }: WorkerSpec, copy: number): number[] {
  const further = Math.max(0, sockets - 1);
  return Array.from({ length: sockets }, (_, index) =>
    index === 0 ? FD.SOCKET : FD.EXTRA_SOCKETS + copy * further + index - 1,
  );
}

/** The same as {@link peersOf} wants them: what is ours may be closed by then, so by its name. */
export function namesOf(spec: WorkerSpec, copy: number): (string | number)[] {
  return socketsOf(spec, copy).map((fd, index) => spec.locals[index] ?? fd);
}

/**
 * Closes what this process has of the listening sockets and has not listened on: with the last descriptor of all processes, the
 * socket goes away, and new clients are refused at once. The rest has been closed with its servers, except fd 0, which libuv leaves open.
 * Sockets that others go on serving stay.
 *
 * @param copies - how many copies of the further ones have been given to threads.
 */
export function closeSockets(spec: WorkerSpec, copies: number = spec.copies): void {
  for (let copy = copies; copy < spec.copies; copy++) {
    for (const [index, fd] of socketsOf(spec, copy).entries()) {
      if (index > 0 && spec.locals[index] !== null) closeSync(fd);
    }
  }
  if (spec.locals[0] === null || spec.sockets === 0) return;
  closeSync(FD.SOCKET);
  // What is opened next must not become the standard input. (Another thread may come in between; it does no harm with a file.)
  try {
    openSync('/dev/null', 'r');
  } catch {
    // That one was the last, and another thread has it.
  }
}
