import type { LoopTime } from '../vitals/loop-time.js';

/**
 * After this many milliseconds in which only requests of open connections had a place, the next free place is for the
 * kernel's accept queue. Otherwise clients with kept connections would keep all others out.
 */
const TURN = 5;

/** Decides who gets a place that becomes free: a request that is here, or the next client in the kernel's queue. */
export class Turns {
  readonly #time: LoopTime;
  /**
   * When the queue had its last turn; and how long the event loop had been idle when a place was last left to the
   * queue.
   */
  #openedAt = 0;
  #idleBefore = 0;
  /**
   * Whether `#idleBefore` still holds. It does as long as no place has been held for longer than a turn of the event
   * loop: then the loop cannot have been idle while a place was taken.
   */
  #isIdleKnown = false;

  constructor(time: LoopTime) {
    this.#time = time;
  }

  /** The queue has had its turn: a client has come, or nobody was there. */
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

  /** Whether a free place may be taken by a request that is here. */
  isOurs(now: number): boolean {
    if (!this.isDue(now)) return true;
    // If the event loop has been idle while a place was free, the queue was empty: that counts as its turn.
    const idle = this.#time.idle();
    if (idle === this.#idleBefore) return false;
    this.#idleBefore = idle;
    this.#openedAt = now;
    return true;
  }
}
