import type { Figures } from '../../system/thread-figures.js';

/** A timer of an idle thread is hardly ever that late by itself. Milliseconds. */
const PUNCTUAL = 10;

/**
 * How long a watched thread has been kept from running: the kernel counts how long it waited for a CPU, and where the watcher
 * itself came late, the whole process was stopped, or the machine asleep.
 */
export class Absence {
  readonly #figures: { read(): Figures };
  #before: Figures;
  #lookedAt: number;
  #expectedAt: number;
  #total = 0;

  constructor(figures: { read(): Figures }, now: number) {
    this.#figures = figures;
    this.#before = figures.read();
    this.#lookedAt = now;
    this.#expectedAt = now;
  }

  /** To be called at each look of the watcher. Returns the milliseconds so far. */
  measure(now: number): number {
    const figures = this.#figures.read();
    const passed = now - this.#lookedAt;
    // A wait that is not over is not counted yet: one that would run has had what it spent on a CPU.
    const waited = figures.runnable ? passed - (figures.cpu - this.#before.cpu) : figures.waited - this.#before.waited;
    const late = now - this.#expectedAt;
    this.#before = figures;
    this.#lookedAt = now;
    this.#expectedAt = now;
    // What kept the one from running kept the other too: it is not counted twice.
    this.#total += Math.max(0, Math.min(passed, waited), late > PUNCTUAL ? late : 0);
    return this.#total;
  }

  /** When the next look is due. */
  expect(at: number): void {
    this.#expectedAt = at;
  }
}
