import type { BoundAddress } from './listener.js';

/** The queue of an address: clients that are connected, and that no worker has accepted yet. The system holds it. */
export interface QueueStats {
  readonly address: BoundAddress;
  /** How many wait. Undefined where the system does not tell, as on macOS, and while nobody listens. */
  readonly waiting: number | undefined;
  /** How many can wait: the option `backlog`, or `net.core.somaxconn` if that is less. Undefined where the system does not tell. */
  readonly backlog: number | undefined;
}

/** The same where both are known. */
export interface QueueReport {
  readonly address: BoundAddress;
  readonly waiting: number;
  readonly backlog: number;
}

/** A crowd that comes at once is what a queue is for. So many looks in a row are none. */
export const LOOKS = 3;

/** What is remembered of a queue from look to look. */
export interface Level {
  readonly high: boolean;
  /** Looks in a row that contradict. */
  readonly looks: number;
}

/** Above half of its backlog for some looks in a row, a queue is high; then, until it was at a quarter or below for as many. */
export function nextLevel({ high, looks }: Level, waiting: number, backlog: number): Level {
  const contradicts = high ? waiting <= backlog / 4 : waiting > backlog / 2;
  if (!contradicts) return { high, looks: 0 };
  return looks + 1 < LOOKS ? { high, looks: looks + 1 } : { high: !high, looks: 0 };
}
