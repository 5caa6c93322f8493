import type { Figures } from '../../system/thread-figures.js';

/** A timer of an idle thread is hardly ever this late by itself. Milliseconds. */
const PUNCTUAL = 10;

/**
 * How long a watched thread has been kept from running. The kernel counts how long it waited for a CPU. Where the
 * watcher itself comes late to a look, the whole process was stopped, or the machine was asleep.
 *
 * The watcher cannot know when such a stop began in its rest between two looks. A stop that lasts at least two rests is
 * counted completely: as all the time since the previous look that the thread did not spend on a CPU. Of a shorter
 * stop, one rest at most is missing.
 */
export class Absence {
  readonly #figures: { read(): Figures };
  #before: Figures;
  #lookedAt: number;
  #expectedAt: number;
  #total = 0;

  /**
   * @param since - from when on the thread is watched. The first look is due at once, so the time in which the watcher
   * is loaded counts as coming late.
   */
  constructor(figures: { read(): Figures }, since: number) {
    this.#figures = figures;
    this.#before = figures.read();
    this.#lookedAt = since;
    this.#expectedAt = since;
  }

  /**
   * To be called at each look of the watcher. Returns for how many milliseconds in all the thread has been kept from
   * running.
   *
   * @param turnedAt - when the event loop of the thread last turned, if that is known: the thread was on a CPU then.
   */
  measure(now: number, turnedAt: number = this.#lookedAt): number {
    const figures = this.#figures.read();
    const passed = now - this.#lookedAt;
    const unused = passed - (figures.cpu - this.#before.cpu);
    // The kernel has not counted a wait that is not over, and does not say when it began. A runnable thread may have
    // waited since the previous look, except for the time that it spent on a CPU. If its event loop has turned since,
    // it was on a CPU then, and has not waited for longer.
    const unfinished = figures.runnable ? now - Math.max(turnedAt, this.#lookedAt) : 0;
    const waited = Math.min(unused, figures.waited - this.#before.waited + unfinished);
    const late = now - this.#expectedAt;
    const rest = this.#expectedAt - this.#lookedAt;
    const stopped = late > PUNCTUAL ? Math.max(late, late >= rest ? unused : 0) : 0;
    this.#before = figures;
    this.#lookedAt = now;
    this.#expectedAt = now;
    // A stop keeps both threads from running, so waits and stops may be the same time: it is not counted twice.
    this.#total += Math.max(0, Math.min(passed, waited), stopped);
    return this.#total;
  }

  /** When the next look is due. */
  expect(at: number): void {
    this.#expectedAt = at;
  }
}
