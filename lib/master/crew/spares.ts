import { backoffDelay, countFailure, type FailureCount, type FailureKind } from '../../backoff.js';

/**
 * After a spare was given away, none is started for this long. To start a process blocks the master for ten
 * milliseconds, and the clients of the dead worker wait for that CPU. Milliseconds.
 */
const PAUSE = 100;

/** What must be known of a spare. */
export interface Spare {
  /** Counts all workers ever spawned; a lower one is older. */
  readonly age: number;
  readonly generation: number;
  /** The spare has booted, and waits for a slot. */
  readonly booted: boolean;
  /** It was told to end. */
  readonly leaving: boolean;
  /** Its process has ended, but the master has not handled the exit yet. */
  readonly exited: boolean;
}

/**
 * The spares: workers that boot without a slot and then wait for one. A spare takes the slot of a worker that dies, and
 * another spare is started. Failures of spares are counted by the rules of a slot, but apart: they count against no
 * slot, and no slot's failures count against them. No I/O, no clock.
 */
export class Spares<S extends Spare> {
  readonly #number: number;
  readonly #members = new Set<S>();
  #count: FailureCount | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;

  /** @param number - how many there should be. */
  constructor(number: number) {
    this.#number = number;
  }

  get size(): number {
    return this.#members.size;
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.all().filter(canServe).length;
  }

  /** All living spares, also those that leave, oldest first. */
  all(): S[] {
    return [...this.#members].sort((a, b) => a.age - b.age);
  }

  has(spare: S): boolean {
    return this.#members.has(spare);
  }

  add(spare: S): void {
    this.#members.add(spare);
  }

  /** Returns whether it was a spare. */
  remove(spare: S): boolean {
    return this.#members.delete(spare);
  }

  /** Gives away the oldest waiting spare of that generation, if there is one: it is a spare no more. */
  take(generation: number, now: number): S | undefined {
    const found = this.all().find((spare) => canServe(spare) && spare.generation === generation);
    if (found === undefined) return undefined;
    this.#members.delete(found);
    this.#notBefore = Math.max(this.#notBefore, now + PAUSE);
    return found;
  }

  /** Spares that are of no use any more: those of any other generation than this, or all if it is undefined. */
  surplus(generation: number | undefined): S[] {
    return this.all().filter((spare) => !spare.leaving && spare.generation !== generation);
  }

  /**
   * Whether a spare is to be started now, and when to ask again if it is too early. Spares boot one after the other,
   * since workers that serve need the CPU more.
   */
  plan(now: number): { readonly due: boolean; readonly wakeAt: number | undefined } {
    const staying = this.all().filter(({ leaving }) => !leaving);
    if (staying.length >= this.#number || staying.some(({ booted }) => !booted))
      return { due: false, wakeAt: undefined };
    return this.#notBefore <= now ? { due: true, wakeAt: undefined } : { due: false, wakeAt: this.#notBefore };
  }

  /**
   * Counts the death of a spare, or of one that was just taking a slot. `waited` is what {@link countFailure} calls
   * `served`.
   */
  fail(kind: FailureKind, waited: number, now: number, chance: number): { delay: number; failures: number } {
    this.#count = countFailure(this.#count, kind, waited);
    const delay = backoffDelay(this.#count, chance);
    this.#notBefore = now + delay;
    return { delay, failures: this.#count.failures };
  }
}

function canServe({ booted, leaving, exited }: Spare): boolean {
  return booted && !leaving && !exited;
}
