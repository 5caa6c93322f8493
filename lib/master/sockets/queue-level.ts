import type { BoundAddress } from './listener.js';

/**
 * The accept queue of an address, which the system holds: clients that are connected, and that no worker has accepted
 * yet.
 */
export interface QueueStats {
  readonly address: BoundAddress;
  /** How many wait. Undefined where the system does not tell, as on macOS, and while nobody listens. */
  readonly waiting: number | undefined;
  /**
   * How many can wait: the option `backlog`, or `net.core.somaxconn` if that is less. Undefined where the system does
   * not tell.
   */
  readonly backlog: number | undefined;
}

/** An accept queue of which both figures are known. */
export interface QueueReport {
  readonly address: BoundAddress;
  readonly waiting: number;
  readonly backlog: number;
}

/** A burst is what a queue is for. A level that holds for this many looks in a row is more than a burst. */
export const LOOKS = 3;

/** What is remembered of a queue from look to look. */
export interface Level {
  readonly high: boolean;
  /** How many looks in a row have contradicted `high`. */
  readonly looks: number;
}

/**
 * The level after a look. A queue becomes high after some looks in a row above half of its backlog, and normal again
 * after as many at a quarter or below.
 */
export function nextLevel({ high, looks }: Level, waiting: number, backlog: number): Level {
  const contradicts = high ? waiting <= backlog / 4 : waiting > backlog / 2;
  if (!contradicts) return { high, looks: 0 };
  return looks + 1 < LOOKS ? { high, looks: looks + 1 } : { high: !high, looks: 0 };
}
