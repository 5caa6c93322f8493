import { LOOP_TIME, type LoopTime } from '../vitals/loop-time.js';

/**
 * For how long an acceptor could have accepted a connection at once. With one place, that is the time in which the
 * place is free and the event loop waits: a worker whose loop is busy accepts no sooner than one whose place is taken.
 * With several places, it is the time in which at least one is free.
 *
 * The clock is read only when the last place is taken for longer than a turn of the event loop: within a turn, the loop
 * does not wait.
 */
export class FreeTime {
  readonly #clock: () => number;
  #sum = 0;
  /** Since when there has been room, by that clock; undefined while there is none. */
  #since: number | undefined;

  constructor(places: number, time: LoopTime = LOOP_TIME) {
    this.#clock = places > 1 ? time.now : time.idle;
  }

  /** There is room from now on. */
  begin(): void {
    this.#since ??= this.#clock();
  }

  /** There is no room from now on. */
  end(): void {
    if (this.#since === undefined) return;
    this.#sum += this.#clock() - this.#since;
    this.#since = undefined;
  }

  /** The time in all, milliseconds. */
  get sum(): number {
    return this.#since === undefined ? this.#sum : this.#sum + this.#clock() - this.#since;
  }
}
