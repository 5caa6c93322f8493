import type { RecycleCause, RecycleLimits } from '../protocol.js';
import type { SlotObserver } from './slot.js';

/** A peak that is collected soon is no leak: so many samples in a row must be above the limit. */
const SAMPLES = 3;

/**
 * Asks once for the replacement of this process, when it has reached one of its limits. It is told numbers, and does
 * not care who counted them. A limit of 0 is none.
 */
export class RecycleWatch implements SlotObserver {
  readonly #ask: (why: RecycleCause) => void;
  #requestsLeft: number;
  #maxMemory: number;
  #samplesAbove = 0;

  /** @param chance - a random number of [0, 1): workers that start together shall not end together. */
  constructor(
    { maxRequests, maxRequestsJitter, maxMemory }: RecycleLimits,
    ask: (why: RecycleCause) => void,
    chance: number = Math.random(),
  ) {
    const jitter = Math.floor(chance * (maxRequestsJitter + 1));
    this.#requestsLeft = maxRequests > 0 ? maxRequests + jitter : Number.POSITIVE_INFINITY;
    this.#maxMemory = maxMemory > 0 ? maxMemory : Number.POSITIVE_INFINITY;
    this.#ask = ask;
  }

  onRequests(count: number): void {
    this.#requestsLeft -= count;
    if (this.#requestsLeft <= 0) this.#reached('requests');
  }

  onMemory(rss: number): void {
    this.#samplesAbove = rss > this.#maxMemory ? this.#samplesAbove + 1 : 0;
    if (this.#samplesAbove === SAMPLES) this.#reached('memory');
  }

  #reached(why: RecycleCause): void {
    this.#requestsLeft = Number.POSITIVE_INFINITY;
    this.#maxMemory = Number.POSITIVE_INFINITY;
    this.#ask(why);
  }
}
