/** The clock, and how long the event loop has been idle, milliseconds. */
export interface LoopTime {
  readonly now: () => number;
  readonly idle: () => number;
}

export const LOOP_TIME: LoopTime = { now: () => performance.now(), idle: () => performance.nodeTiming.idleTime };

/** Once the event loop has turned, whatever its phase is now: what was in the kernel's buffers has been read by then. */
export function afterTurn(act: () => void): void {
  setImmediate(() => setImmediate(act));
}

/**
 * Whether a client that is accepted now was in the kernel's queue while a place was taken for long, and may have left since. If the event
 * loop has had a rest after that, nobody was there. As many may have come as the place was taken long; so that lasts as long.
 */
export class Backlog {
  readonly #time: LoopTime;
  readonly #long: number;
  #until = 0;
  #idle = Number.NaN;

  /** @param long - what is no time for a place to be taken, milliseconds. */
  constructor(time: LoopTime, long: number) {
    this.#time = time;
    this.#long = long;
  }

  /** A place that was taken for so long is free. */
  begin(now: number, taken: number): void {
    if (taken < this.#long) return;
    const idle = this.#time.idle();
    // Without a rest since, those from behind a longer one are still there.
    this.#until = Math.max(now + taken, idle === this.#idle ? this.#until : 0);
    this.#idle = idle;
  }

  isLikely(now: number): boolean {
    return now <= this.#until && this.#time.idle() === this.#idle;
  }
}
