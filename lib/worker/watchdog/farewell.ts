import { readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Refusal, writeRefusal } from '../raw-response.js';

/** How long data that clients still send is read. Milliseconds. */
const PATIENCE = 200;
const PAUSE = 10;

/**
 * Answers clients of a thread that hangs, on their descriptors, and returns the descriptors of those that were
 * answered. It then reads what they have sent, before the sockets are closed by the end of the process or the thread: a
 * socket that is closed with unread bytes resets its connection, and the answer would be lost.
 */
export async function bidFarewell(fds: readonly number[], status: Refusal): Promise<number[]> {
  const answered = fds.filter((fd) => writeRefusal(fd, status));
  const end = performance.now() + PATIENCE;
  // A client that has sent its whole request sends nothing more, so it is not waited for.
  let talking = answered.filter((fd) => drain(fd) === 'sends');
  while (talking.length > 0 && performance.now() < end) {
    await delay(PAUSE);
    talking = talking.filter((fd) => drain(fd) !== 'gone');
  }
  return answered;
}

const rest = Buffer.alloc(65_536);

/** Reads and discards what a client has sent. */
function drain(fd: number): 'silent' | 'sends' | 'gone' {
  let seen: 'silent' | 'sends' = 'silent';
  try {
    // Bounded: a client that sends as fast as this loop reads must not hold up the others.
    for (let count = 0; count < 64; count++) {
      if (readSync(fd, rest) === 0) return 'gone';
      seen = 'sends';
    }
    return seen;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? seen : 'gone';
  }
}
