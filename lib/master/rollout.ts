import type { ArbiterError } from '../errors.js';
import type { Generation } from './generation.js';

/** What a rollout needs to know of a worker. */
export interface Candidate {
  /** The stable slot, 1..n. */
  readonly id: number;
  readonly generation: number;
  /** When it may take another's place, on the clock of `now`; undefined before it is ready. */
  readonly provenAt: number | undefined;
}

/** A slot with those of its workers that stay; none where a failed one waits for its next attempt. */
export interface Post<C extends Candidate> {
  readonly id: number;
  readonly holders: readonly C[];
}

/** How a rollout is going: it goes `on`, all slots have been taken `over`, or it has been undone and is `back`. */
export type Progress = 'on' | 'over' | 'back';

/**
 * The new generation takes over slot by slot, in batches: the workers of a batch are started beside the old ones, and only
 * when all of them are proven does the next batch begin. The first failure of one that is not proven yet turns it round, and the
 * old generation takes over again, slot by slot, what it has lost. No I/O, no clock.
 */
export class Rollout<C extends Candidate> {
  readonly #old: Generation;
  readonly #new: Generation;
  /** How many may be started beside the old ones at once. */
  readonly #surge: number;
  /** Slots that the new generation has got. */
  readonly #won = new Set<number>();
  #failure: ArbiterError | undefined;
  /** Slots that the old generation could not get back. */
  readonly #lost = new Set<number>();

  constructor(from: Generation, to: Generation, surge: number) {
    this.#old = from;
    this.#new = to;
    this.#surge = surge;
  }

  /** The generation that is to have all slots. */
  get wanted(): Generation {
    return this.#failure ? this.#old : this.#new;
  }

  get failure(): ArbiterError | undefined {
    return this.#failure;
  }

  /** How many slots the new generation has got. */
  get won(): number {
    return this.#won.size;
  }

  /** What a slot whose worker has died is to get: what it had. */
  generationOf(id: number): Generation {
    return this.#failure === undefined && this.#won.has(id) ? this.#new : this.#old;
  }

  /** Whether this worker is one of the new generation that is not proven. */
  tries(worker: C, now: number): boolean {
    return this.#isNew(worker) && !isProven(worker, now);
  }

  /** Turns it round. */
  fail(failure: ArbiterError): void {
    this.#failure ??= failure;
  }

  /** The old generation tries once to get a slot back: if its code is gone, what serves there serves on. */
  giveUp(id: number): void {
    if (this.#failure) this.#lost.add(id);
  }

  /** Which slots get a worker of the wanted generation now. All that are empty, and of the others a batch. */
  plan(posts: readonly Post<C>[], now: number): number[] {
    for (const { id, holders } of posts) {
      if (holders.some((holder) => this.#isNew(holder) && isProven(holder, now))) this.#won.add(id);
    }
    const { number } = this.wanted;
    const open = posts.filter(({ id, holders }) => !this.#lost.has(id) && !holders.some(isOf(number)));
    const empty = open.filter(({ holders }) => holders.length === 0);
    const trying = posts.some(
      ({ holders }) => holders.length > 1 && holders.some((holder) => isOf(number)(holder) && !isProven(holder, now)),
    );
    const batch = trying ? [] : open.filter(({ holders }) => holders.length > 0).slice(0, this.#surge);
    // An empty one of the old generation waits for its next attempt like any other.
    return [...(this.#failure ? [] : empty), ...batch].map(({ id }) => id);
  }

  /** Where it has got to, of the slots, and of all workers that live, also those that are leaving. */
  progress(posts: readonly Post<C>[], living: readonly C[], now: number): Progress {
    const { number } = this.wanted;
    const settled = posts.every(
      ({ id, holders }) =>
        this.#lost.has(id) || holders.every((holder) => isOf(number)(holder) && isProven(holder, now)),
    );
    if (this.#failure) return settled && !living.some((worker) => this.tries(worker, now)) ? 'back' : 'on';
    return settled && living.every(isOf(number)) && posts.every(({ id }) => this.#won.has(id)) ? 'over' : 'on';
  }

  #isNew({ generation }: C): boolean {
    return generation === this.#new.number;
  }
}

function isOf(generation: number): (candidate: Candidate) => boolean {
  return (candidate) => candidate.generation === generation;
}

function isProven({ provenAt }: Candidate, now: number): boolean {
  return provenAt !== undefined && provenAt <= now;
}
