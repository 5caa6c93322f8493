import type { RunDelay } from '../../system/run-delay.js';

/** A timer of an idle thread is hardly ever that late by itself. Milliseconds. */
const PUNCTUAL = 10;

/**
 * How long a watched thread has been kept from running: the kernel counts how long it waited for a CPU, and where the watcher
 * itself came late, the whole process was stopped, or the machine asleep.
 */
export class Absence {
  readonly #delay: RunDelay;
  #delayBefore: number;
  #expectedAt: number;
  #total = 0;

  constructor(delay: RunDelay, now: number) {
    this.#delay = delay;
    this.#delayBefore = delay.read();
    this.#expectedAt = now;
  }

  /** To be called at each look of the watcher. Returns the milliseconds so far. */
  measure(now: number): number {
    const delay = this.#delay.read();
    const waited = Math.max(0, delay - this.#delayBefore);
    const late = now - this.#expectedAt;
    this.#delayBefore = delay;
    this.#expectedAt = now;
    // What kept the one from running kept the other too: it is not counted twice.
    this.#total += Math.max(waited, late > PUNCTUAL ? late : 0);
    return this.#total;
  }

  /** When the next look is due. */
  expect(at: number): void {
    this.#expectedAt = at;
  }
}
