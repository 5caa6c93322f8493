import { setTimeout as delay } from 'node:timers/promises';
import { type Asked, ask, GRACE } from './punctual.js';

/** Of a client between two requests that are served. Milliseconds. */
const PAUSE = 5;

/** What clients met while some of them asked for hangs. */
export interface LoadWithHangs {
  /** The status lines of the answers to those that hung. */
  readonly statuses: readonly string[];
  /** How many others were served. */
  readonly served: number;
  /** How many others came late themselves, to a worker or thread that had begun to hang. */
  readonly late: number;
  readonly failures: readonly Asked[];
}

/**
 * Asks for so many hangs, while others ask for what is served. What hangs takes CPU, so few do at a time: the rest of the workers serve
 * the rest of the clients, and each second of a clock is one in which its worker had the CPU.
 */
export async function loadWithHangs(
  url: string,
  { hangs, hanging, other }: { hangs: number; hanging: (number: number) => string; other: string },
): Promise<LoadWithHangs> {
  const statuses: string[] = [];
  const failures: Asked[] = [];
  let served = 0;
  let late = 0;
  let left = hangs;
  const serve = async (): Promise<void> => {
    while (left > 0) {
      const asked = await ask(url, other);
      if (asked.answer.startsWith('HTTP/1.1 200 OK')) served++;
      else if (asked.silent > GRACE) late++;
      else failures.push(asked);
      // Without it, the clients would have most of the CPU.
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
  return { statuses, served, late, failures };
}
