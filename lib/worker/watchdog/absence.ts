import type { Figures } from '../../system/thread-figures.js';

/** A timer of an idle thread is hardly ever that late by itself. Milliseconds. */
const PUNCTUAL = 10;

/**
 * How long a watched thread has been kept from running: the kernel counts how long it waited for a CPU, and where the watcher
 * itself came late, the whole process was stopped, or the machine asleep.
 *
 * When in a rest a stop began, the watcher cannot know. Of one that lasts at least two rests all is counted, or rather what the thread did not spend
 * on a CPU since the look before; of a shorter one, a rest at most is missing.
 */
export class Absence {
  readonly #figures: { read(): Figures };
  #before: Figures;
  #lookedAt: number;
  #expectedAt: number;
  #total = 0;

  /** @param since - from when on it watches; a watcher that is still to be loaded comes late to its first look, as to any other. */
  constructor(figures: { read(): Figures }, since: number) {
    this.#figures = figures;
    this.#before = figures.read();
    this.#lookedAt = since;
    this.#expectedAt = since;
  }

  /**
   * To be called at each look of the watcher. Returns the milliseconds so far.
   *
   * @param turnedAt - when the event loop of the thread turned last, if that is known: it was on a CPU then.
   */
  measure(now: number, turnedAt: number = this.#lookedAt): number {
    const figures = this.#figures.read();
    const passed = now - this.#lookedAt;
    const unused = passed - (figures.cpu - this.#before.cpu);
    // A wait that is not over is not counted yet, and nobody says when it began: one that would run has had what it spent on a CPU, unless its
    // event loop has turned since the look before. It was on a CPU then, and has not waited for longer.
    const unfinished = figures.runnable ? now - Math.max(turnedAt, this.#lookedAt) : 0;
    const waited = Math.min(unused, figures.waited - this.#before.waited + unfinished);
    const late = now - this.#expectedAt;
    const rest = this.#expectedAt - this.#lookedAt;
    const stopped = late > PUNCTUAL ? Math.max(late, late >= rest ? unused : 0) : 0;
    this.#before = figures;
    this.#lookedAt = now;
    this.#expectedAt = now;
    // What kept the one from running kept the other too: it is not counted twice.
    this.#total += Math.max(0, Math.min(passed, waited), stopped);
    return this.#total;
  }

  /** When the next look is due. */
  expect(at: number): void {
    this.#expectedAt = at;
  }
}
