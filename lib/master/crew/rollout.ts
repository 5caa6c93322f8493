import type { ArbiterError } from '../../errors.js';
import type { Generation } from '../workers/generation.js';

/** What a rollout needs to know of a worker. */
export interface RolloutMember {
  /** The stable slot, 1..n. */
  readonly id: number;
  readonly generation: number;
  /** When it is proven, so that it may take another's place, on the clock of `now`; undefined before it is ready. */
  readonly provenAt: number | undefined;
}

/** A slot with those of its workers that stay. */
export interface SlotHolders<C extends RolloutMember> {
  readonly id: number;
  readonly holders: readonly C[];
  /**
   * Where its workers fail: when the next attempt may be made, on the clock of `now`. Undefined when there is nothing
   * to wait for.
   */
  readonly notBefore: number | undefined;
}

/** A worker that is to be spawned. */
export interface Vacancy {
  readonly id: number;
  readonly generation: Generation;
}

/** How a rollout is going: it goes `on`, all slots have been taken `over`, or it has been undone and is `back`. */
export type Progress = 'on' | 'over' | 'back';

/** Up to so many losses of a slot are blamed on its requests. One more is blamed on the release. */
const ACCIDENTS = 4;

/**
 * The new generation takes over slot by slot, in batches. The workers of a batch are started beside the old ones, and
 * only when all of them are proven does the next batch begin. The first failure of a worker that is not proven yet
 * turns the rollout round: the old generation takes back, slot by slot, what it has lost. No I/O, no clock.
 *
 * A worker that is not proven holds no slot. When the old worker beside it dies, the old generation replaces that one.
 * Otherwise a new worker that never becomes ready would be all that the slot has until it is given up.
 */
export class Rollout<C extends RolloutMember> {
  readonly #old: Generation;
  readonly #new: Generation;
  /** How many new workers may be started beside the old ones at once. */
  readonly #surge: number;
  /** Slots that had no worker when the rollout began: there, the new generation has nothing to wait for. */
  #vacant: ReadonlySet<number> | undefined;
  /** Slots that the new generation has taken over. */
  readonly #won = new Set<number>();
  #failure: ArbiterError | undefined;
  /** How many workers, or threads of them, each slot has lost that had served before they were ready. */
  readonly #accidents = new Map<number, number>();
  /** Slots of the batch that is under way whose new worker has not been started yet. */
  #rest: ReadonlySet<number> = new Set();
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

  /** The generation that is to have none in the end. */
  get unwanted(): Generation {
    return this.#failure ? this.#new : this.#old;
  }

  get failure(): ArbiterError | undefined {
    return this.#failure;
  }

  /** How many slots the new generation has taken over. */
  get won(): number {
    return this.#won.size;
  }

  /** Whether this worker is on trial: of the new generation, and not proven. */
  tries(worker: C, now: number): boolean {
    return this.#isNew(worker) && !isProven(worker, now);
  }

  /**
   * Counts the loss of a worker, or of a thread of it, that had served before it was ready. Returns whether it may have
   * been an accident: a request can kill a worker of any release. So another one is tried in that slot, but not without
   * end.
   */
  excuse({ id }: C): boolean {
    const accidents = (this.#accidents.get(id) ?? 0) + 1;
    this.#accidents.set(id, accidents);
    return accidents <= ACCIDENTS;
  }

  /** Turns the rollout round. */
  fail(failure: ArbiterError): void {
    this.#failure ??= failure;
    this.#rest = new Set();
  }

  /**
   * A worker has died beside another one of its slot. Once the rollout has turned round, the old generation tries only
   * once to get a slot back: if its code is gone, the new worker there serves on.
   */
  giveUp({ id, generation }: C): void {
    if (this.#failure && generation === this.#old.number) this.#lost.add(id);
  }

  /**
   * The workers to be spawned now, at most `most`: those for slots that miss one, then those of the next batch. And
   * when to ask again, for slots that wait and for the workers beyond `most`.
   */
  plan(
    posts: readonly SlotHolders<C>[],
    now: number,
    most: number = Number.POSITIVE_INFINITY,
  ): { readonly orders: readonly Vacancy[]; readonly wakeAt: number | undefined } {
    this.#vacant ??= new Set(posts.filter(({ holders }) => holders.length === 0).map(({ id }) => id));
    for (const { id, holders } of posts) {
      if (holders.some((holder) => this.#isNew(holder) && isProven(holder, now))) this.#won.add(id);
    }
    const missing = posts.filter((post) => this.#misses(post, now) || this.#isHeld(post, now));
    const ready = missing.filter((post) => (this.#waitOf(post) ?? now) <= now);
    const waits = missing.flatMap((post) => (ready.includes(post) ? [] : (this.#waitOf(post) ?? [])));
    const orders = [
      ...ready.map(({ id }) => ({ id, generation: this.#generationOf(id) })),
      ...this.#batch(posts, now).map(({ id }) => ({ id, generation: this.wanted })),
    ];
    this.#rest = new Set(orders.slice(Math.max(most, ready.length)).map(({ id }) => id));
    if (orders.length > most) waits.push(now);
    return {
      orders: orders.slice(0, most),
      wakeAt: waits.length > 0 ? Math.min(...waits) : undefined,
    };
  }

  /** How far the rollout has come. `living` are all living workers, also those that leave. */
  progress(posts: readonly SlotHolders<C>[], living: readonly C[], now: number): Progress {
    const settled = posts.every(
      ({ id, holders }) =>
        this.#lost.has(id) ||
        holders.every((holder) => this.#isNew(holder) === !this.#failure && isProven(holder, now)),
    );
    if (!settled) return 'on';
    if (this.#failure)
      return living.some((worker) => this.#isNew(worker) && !this.#lost.has(worker.id)) ? 'on' : 'back';
    return living.every((worker) => this.#isNew(worker)) && posts.every(({ id }) => this.#won.has(id)) ? 'over' : 'on';
  }

  /**
   * The slots of the next batch, or the rest of the current one. No batch begins while a worker of the current one is
   * not proven, and no more workers are beside others than the surge allows.
   */
  #batch(posts: readonly SlotHolders<C>[], now: number): SlotHolders<C>[] {
    const { number } = this.wanted;
    const isWanted = (holder: C): boolean => holder.generation === number;
    const open = posts.filter((post) => this.#isOpen(post) && !this.#isHeld(post, now));
    if (posts.some(({ holders }) => holders.some((holder) => isWanted(holder) && !isProven(holder, now)))) {
      return open.filter(({ id }) => this.#rest.has(id));
    }
    const beside = posts.reduce((sum, { holders }) => sum + Math.max(0, holders.length - 1), 0);
    return open.slice(0, Math.max(0, this.#surge - beside));
  }

  /** Whether the wanted generation is still to take this slot from the other one. */
  #isOpen({ id, holders }: SlotHolders<C>): boolean {
    if (this.#failure)
      return !this.#lost.has(id) && holders.length > 0 && holders.every((holder) => this.#isNew(holder));
    if (holders.length === 0) return !this.#won.has(id) && !this.#vacant?.has(id);
    return !holders.some((holder) => this.#isNew(holder));
  }

  /**
   * Whether no worker holds this slot. Where the old generation has it, a new worker that is not proven does not count.
   */
  #misses({ id, holders }: SlotHolders<C>, now: number): boolean {
    if (this.#generationOf(id) === this.#new) return holders.length === 0;
    return holders.every((holder) => this.tries(holder, now));
  }

  /**
   * When the slot may get its next worker. The first attempt of the new generation does not wait for the failures of
   * the old one.
   */
  #waitOf({ id, notBefore }: SlotHolders<C>): number | undefined {
    const first = this.#generationOf(id) === this.#new && !this.#won.has(id) && !this.#accidents.has(id);
    return first ? undefined : notBefore;
  }

  /** Whether the new generation is to take this slot, but has to wait since it has just lost a worker there. */
  #isHeld(post: SlotHolders<C>, now: number): boolean {
    return !this.#failure && this.#accidents.has(post.id) && (post.notBefore ?? now) > now && this.#isOpen(post);
  }

  /** The generation of a worker for an empty slot: the one that had the slot. */
  #generationOf(id: number): Generation {
    if (this.#failure) return this.#old;
    return this.#won.has(id) || this.#vacant?.has(id) ? this.#new : this.#old;
  }

  #isNew({ generation }: C): boolean {
    return generation === this.#new.number;
  }
}

function isProven({ provenAt }: RolloutMember, now: number): boolean {
  return provenAt !== undefined && provenAt <= now;
}
