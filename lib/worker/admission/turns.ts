import type { LoopTime } from '../vitals/loop-time.js';

/**
 * After so many milliseconds in which only requests of connections that are open have had a place, the next one that becomes free is
 * for the kernel's queue: else clients with a connection that is kept would keep all others out.
 */
const TURN = 5;

/** Whose a place is that becomes free: of a request that is here, or of the next client in the kernel's queue. */
export class Turns {
  readonly #time: LoopTime;
  /** When the queue had its last turn; and how long the event loop had been idle when a place became free that was to be for it. */
  #openedAt = 0;
  #idleBefore = 0;
  /** The event loop has not been idle since while a place was taken: nobody has held one for longer than a turn. */
  #isIdleKnown = false;

  constructor(time: LoopTime) {
    this.#time = time;
  }

  /** The queue has had its turn: somebody has come, or nobody was there. */
  had(now: number): void {
    this.#openedAt = now;
  }

  /** A place is taken for longer than a turn of the event loop, which may be idle meanwhile. */
  held(): void {
    this.#isIdleKnown = false;
  }

  /** A place is left to the queue. */
  left(): void {
    if (!this.#isIdleKnown) this.#idleBefore = this.#time.idle();
    this.#isIdleKnown = true;
  }

  /** Whether the queue is to have the next place. */
  isDue(now: number): boolean {
    return now - this.#openedAt >= TURN;
  }

  /** Whether a place that is free may be taken by who is here. */
  isOurs(now: number): boolean {
    if (!this.isDue(now)) return true;
    // With a place that was free, the event loop has waited for somebody to come.
    const idle = this.#time.idle();
    if (idle === this.#idleBefore) return false;
    this.#idleBefore = idle;
    this.#openedAt = now;
    return true;
  }
}
