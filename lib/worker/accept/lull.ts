import { LOOP_TIME, type LoopTime } from '../vitals/loop-time.js';

/**
 * For how long the event loop is idle while an answer is waited for. Where the class does not say when that is, it is
 * as long as all places are taken. A client that is slow to send its request, or to close its connection, is then taken
 * for a slow answer.
 */
export class Lull {
  /** Whether the class says when an answer is waited for. */
  isTold = false;
  readonly #time: Pick<LoopTime, 'idle'>;
  /** How long the event loop had been idle when the wait began; undefined while nothing is waited for. */
  #begun: number | undefined;
  #sum = 0;

  constructor(time: Pick<LoopTime, 'idle'> = LOOP_TIME) {
    this.#time = time;
  }

  /** An answer is waited for, if none was. */
  begin(): void {
    this.#begun ??= this.#time.idle();
  }

  /** The places are taken anew: what was waited for before belongs to others. */
  restart(): void {
    this.#sum = 0;
    if (this.#begun !== undefined) this.#begun = this.#time.idle();
  }

  end(): void {
    if (this.#begun === undefined) return;
    this.#sum += this.#time.idle() - this.#begun;
    this.#begun = undefined;
  }

  /** The places are free again: ends, and returns how long it was since this was last called, milliseconds. */
  take(): number {
    this.end();
    const sum = this.#sum;
    this.#sum = 0;
    return sum;
  }
}
