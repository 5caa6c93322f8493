/** The clock, and how long the event loop has been idle, milliseconds. */
export interface LoopTime {
  readonly now: () => number;
  readonly idle: () => number;
}

export const LOOP_TIME: LoopTime = { now: () => performance.now(), idle: () => performance.nodeTiming.idleTime };

/**
 * Calls back after a whole turn of the event loop, whatever its phase is now: what was in the kernel's buffers has been
 * read by then.
 */
export function afterTurn(act: () => void): void {
  setImmediate(() => setImmediate(act));
}

/**
 * Whether a client that is accepted now may have been in the accept queue while a place was taken for long, and so may
 * have left since. If the event loop has been idle since then, the queue was empty. The longer the place was taken, the
 * more clients may have come: so the answer stays yes for as long as the place was taken.
 */
export class Backlog {
  readonly #time: LoopTime;
  readonly #long: number;
  #until = 0;
  #idle = Number.NaN;

  /** @param long - a place that was taken for less than this does not count. Milliseconds. */
  constructor(time: LoopTime, long: number) {
    this.#time = time;
    this.#long = long;
  }

  /** A place is free that was taken for `taken` milliseconds. */
  begin(now: number, taken: number): void {
    if (taken < this.#long) return;
    const idle = this.#time.idle();
    // If the loop has not been idle since, clients from an earlier, longer time may still be there.
    this.#until = Math.max(now + taken, idle === this.#idle ? this.#until : 0);
    this.#idle = idle;
  }

  isLikely(now: number): boolean {
    return now <= this.#until && this.#time.idle() === this.#idle;
  }
}
