import type { Kin } from './process-group.js';
import { rowOf } from './process-table.js';

/** Up to this many are kept without a look at whether they live. */
const ENOUGH = 32;

/**
 * Processes that are to end together with another one. Those that have ended by themselves are forgotten now and then.
 */
export class Kindred {
  #kin: Kin[] = [];
  #enough = ENOUGH;

  get all(): readonly Kin[] {
    return this.#kin;
  }

  /** Returns the processes that were forgotten. */
  add(kin: Kin): readonly Kin[] {
    this.#kin.push(kin);
    if (this.#kin.length <= this.#enough) return [];
    const living = this.living();
    const gone = this.#kin.filter((each) => !living.includes(each));
    this.#kin = living;
    // Twice as many as live, so that each process is looked at only a few times.
    this.#enough = Math.max(ENOUGH, 2 * living.length);
    return gone;
  }

  living(): Kin[] {
    return this.#kin.filter(({ pid, born }) => rowOf(pid)?.born === born);
  }
}
