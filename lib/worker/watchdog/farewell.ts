import { readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Refusal, writeRefusal } from '../raw-response.js';

/** How long clients that are still sending are listened to. Milliseconds. */
const PATIENCE = 200;
const PAUSE = 10;

/**
 * Answers clients of a thread that hangs, on their descriptors, and returns those that were answered. What they have sent is read first: a
 * socket that is closed with something unread in it resets its connection, and the answer would be lost with it.
 */
export async function bidFarewell(fds: readonly number[], status: Refusal): Promise<number[]> {
  const answered = fds.filter((fd) => writeRefusal(fd, status));
  const end = performance.now() + PATIENCE;
  // Who has the whole request behind it sends nothing more, so it is not waited for.
  let talking = answered.filter((fd) => drain(fd) === 'sends');
  while (talking.length > 0 && performance.now() < end) {
    await delay(PAUSE);
    talking = talking.filter((fd) => drain(fd) !== 'gone');
  }
  return answered;
}

const rest = Buffer.alloc(65_536);

function drain(fd: number): 'silent' | 'sends' | 'gone' {
  let seen: 'silent' | 'sends' = 'silent';
  try {
    // Bounded: a client that sends as fast as this reads must not hold the others up.
    for (let count = 0; count < 64; count++) {
      if (readSync(fd, rest) === 0) return 'gone';
      seen = 'sends';
    }
    return seen;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? seen : 'gone';
  }
}
