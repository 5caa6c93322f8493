import { setTimeout as delay } from 'node:timers/promises';
import { type Asked, ask, GRACE, SHORT_GRACE } from './punctual.js';

/** How long a client waits between two requests that are served. Milliseconds. */
const PAUSE = 5;

/** What clients saw while some of them sent requests that hang. */
export interface LoadWithHangs {
  /** The status lines of the answers to the requests that hung. */
  readonly statuses: readonly string[];
  /** How many other requests were served. */
  readonly served: number;
  /**
   * How many other requests were sent late by the client itself, and so went to a worker or thread that had begun to
   * hang.
   */
  readonly late: number;
  readonly failures: readonly Asked[];
}

/**
 * Sends requests that hang, while others are sent that are served. A hang takes CPU, so only two are under way at a
 * time: the other workers serve the other clients, and a second on a worker's clock is one in which it had the CPU.
 */
export async function loadWithHangs(
  url: string,
  { hangs, hanging, other }: { hangs: number; hanging: (number: number) => string; other: string },
): Promise<LoadWithHangs> {
  const statuses: string[] = [];
  const others: Asked[] = [];
  let left = hangs;
  const serve = async (): Promise<void> => {
    while (left > 0) {
      others.push(await ask(url, other));
      // Without a pause, the clients would have most of the CPU.
      await delay(PAUSE);
    }
  };
  const hang = async (): Promise<void> => {
    while (left > 0) {
      const { answer } = await ask(url, hanging(left--));
      statuses.push(answer.split('\r\n')[0] ?? '');
    }
  };
  await Promise.all([serve(), serve(), hang(), hang()]);
  const unserved = others.filter(({ answer }) => !answer.startsWith('HTTP/1.1 200 OK'));
  // One that was late makes its worker impatient, also if it was served.
  const grace = others.some(({ silent }) => silent > GRACE) ? SHORT_GRACE : GRACE;
  const failures = unserved.filter(({ silent }) => silent <= grace);
  const served = others.length - unserved.length;
  return { statuses, served, late: unserved.length - failures.length, failures };
}
