import type { RecycleCause } from '../../protocol/messages.js';
import type { RecycleLimits } from '../../protocol/spec.js';
import type { SlotObserver } from './slot.js';

/** So many samples in a row must be above the limit: memory that is soon garbage-collected is not a leak. */
const SAMPLES = 3;

/**
 * After how many requests a worker is to be replaced.
 *
 * @param chance - a random number in [0, 1): workers that start together must not end together.
 */
export function requestLimit({ maxRequests, maxRequestsJitter }: RecycleLimits, chance: number): number {
  return maxRequests > 0 ? maxRequests + Math.floor(chance * (maxRequestsJitter + 1)) : Number.POSITIVE_INFINITY;
}

/**
 * Asks once for the replacement of this process, when it has reached one of its limits. A limit of 0 means that there
 * is none.
 */
export class RecycleWatch implements SlotObserver {
  readonly #ask: (why: RecycleCause) => void;
  #requestsLeft: number;
  #maxMemory: number;
  #samplesAbove = 0;

  /** @param chance - see {@link requestLimit}. */
  constructor(limits: RecycleLimits, ask: (why: RecycleCause) => void, chance: number = Math.random()) {
    this.#requestsLeft = requestLimit(limits, chance);
    this.#maxMemory = limits.maxMemory > 0 ? limits.maxMemory : Number.POSITIVE_INFINITY;
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
