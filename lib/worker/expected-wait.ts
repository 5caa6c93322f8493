/** The past that counts, milliseconds: what is older by this weighs a third. */
const MEMORY = 1_000;

/**
 * How long a request would wait for a worker that serves one at a time, if it came at some moment of the last second or so.
 *
 * Somebody who comes during a request of length S waits for half of it on average, and the chance to come during it is
 * S / T: so each request adds S² / 2T (the mean residual work of queueing theory). Time is a parameter.
 */
export class ExpectedWait {
  #work = 0;
  #at = 0;

  /** A request that took so long, milliseconds, has ended now. */
  add(duration: number, now: number): void {
    this.#work = this.#decayed(now) + (duration * duration) / 2;
    this.#at = now;
  }

  /** Milliseconds. */
  at(now: number): number {
    return this.#decayed(now) / MEMORY;
  }

  #decayed(now: number): number {
    return this.#work * Math.exp((this.#at - now) / MEMORY);
  }
}
