/** The time constant of the average, milliseconds: what is this old weighs a third. */
const MEMORY = 10_000;
/**
 * With fewer long requests than this in the average, nothing can be concluded. A single one may have taken long because
 * it was the first, or because the machine was busy.
 */
const ENOUGH = 10;

/**
 * How long a request would wait for a worker that serves one at a time, if it came at some moment of the last seconds.
 *
 * A client that comes during a request of length S waits for half of it on average, and the probability of coming
 * during it is S / T. So each request adds S² / 2T (the mean residual work of queueing theory). Time is a parameter.
 */
export class ExpectedWait {
  readonly #short: number;
  #work = 0;
  #time = 0;
  #count = 0;
  /** The number of requests that were not short. */
  #longCount = 0;
  #at = 0;

  /** @param short - a request that takes no longer than this is a short one, milliseconds. */
  constructor(short: number) {
    this.#short = short;
  }

  /** A request that took `duration` milliseconds has ended now. */
  add(duration: number, now: number): void {
    const rest = this.#rest(now);
    this.#work = this.#work * rest + (duration * duration) / 2;
    this.#time = this.#time * rest + duration;
    this.#count = this.#count * rest + 1;
    this.#longCount = this.#longCount * rest + Number(duration > this.#short);
    this.#at = now;
  }

  /** The expected wait, milliseconds. 0 as long as too few long requests have come. */
  at(now: number): number {
    const rest = this.#rest(now);
    return this.#longCount * rest < ENOUGH ? 0 : (this.#work * rest) / MEMORY;
  }

  /** How long a request takes on average, milliseconds. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#time / this.#count;
  }

  #rest(now: number): number {
    return Math.exp((this.#at - now) / MEMORY);
  }
}
