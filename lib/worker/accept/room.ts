import { LOOP_TIME, type LoopTime } from '../vitals/loop-time.js';

/**
 * For how long an acceptor could have let somebody in at once. Where it has one place, that is while the place is free and the event loop waits: a worker
 * that is busy accepts no sooner than one without a place. Where it has many, while one of them is free.
 *
 * It looks at the clock only when the last place is taken for longer than a turn of the event loop; within one, the loop does not wait.
 */
export class FreeTime {
  readonly #clock: () => number;
  #sum = 0;
  /** From when on it counts, of that clock; undefined while there is no room. */
  #since: number | undefined;

  constructor(places: number, time: LoopTime = LOOP_TIME) {
    this.#clock = places > 1 ? time.now : time.idle;
  }

  /** There is room. */
  begin(): void {
    this.#since ??= this.#clock();
  }

  /** There is none. */
  end(): void {
    if (this.#since === undefined) return;
    this.#sum += this.#clock() - this.#since;
    this.#since = undefined;
  }

  /** Milliseconds. */
  get sum(): number {
    return this.#since === undefined ? this.#sum : this.#sum + this.#clock() - this.#since;
  }
}
