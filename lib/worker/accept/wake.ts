import { readSlotAt } from '../vitals/board.js';

/** Calls an acceptor that rests: all of its process, of which each decides for itself. */
export function wake(index: number): void {
  const pid = readSlotAt(index)?.pid;
  try {
    if (pid) process.kill(pid, 'SIGURG');
  } catch {
    // It has just died; the master will notice.
  }
}
