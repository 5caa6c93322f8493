import type { Tally } from '../scoreboard/stats.js';
import type { Site } from '../site/site.js';
import type { Notifier } from '../tell/notify.js';
import type { Generation } from '../workers/generation.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import type { Vacancy } from './rollout.js';
import { FAILS_FROM, type Roster } from './roster.js';
import type { Spares } from './spares.js';
import type { Takeover } from './takeover.js';

/** What {@link Recruiting} works with. */
export interface Office {
  readonly site: Site;
  readonly notifier: Notifier;
  readonly roster: Roster<WorkerHandle>;
  readonly spares: Spares<WorkerHandle>;
  readonly takeover: Takeover;
  readonly tally: Tally;
}

/**
 * At most this many processes are started before the event loop goes on. To start one blocks it for ten milliseconds; a
 * hundred at once would keep a stop, and everything else, waiting for a second.
 */
export const AT_ONCE = 4;

/** Fills slots: with a spare, or with a new process. */
export class Recruiting {
  readonly #office: Office;
  /** Slots whose worker ended, or was dismissed, without an order of the master. */
  readonly #vacated = new Set<number>();
  #ages = 0;

  constructor(office: Office) {
    this.#office = office;
  }

  /** The worker of a slot has ended, or was dismissed, without an order of the master. */
  vacate(id: number): void {
    this.#vacated.add(id);
  }

  /** Fills each of these slots. `wanted` is how many slots there should be. */
  fill(orders: readonly Vacancy[], wanted: number, now: number): void {
    if (this.#vacated.size > 0 && wanted > 0) this.#renumber(wanted);
    for (const { id, generation } of orders) this.#occupy(id, generation, now);
  }

  /**
   * Moves vacancies beyond the wanted slots to free ones. New workers get the lowest free numbers, so when lower slots
   * were scaled away, a replacement has another number than the worker that it replaces.
   */
  #renumber(wanted: number): void {
    const posts = this.#office.roster.posts(wanted);
    const free = posts.filter(({ id, holders }) => holders.length === 0 && !this.#vacated.has(id));
    for (const lost of [...this.#vacated].filter((id) => !posts.some((post) => post.id === id))) {
      this.#vacated.delete(lost);
      const post = free.shift();
      if (post) this.#vacated.add(post.id);
    }
  }

  /** Fills a slot with a spare that waits, otherwise with a new process. */
  #occupy(id: number, generation: Generation, now: number): void {
    const { roster, spares } = this.#office;
    // None for a slot that fails again and again: it would only fail faster, and leave no spare for the others.
    const spare = roster.deaths(id) < FAILS_FROM ? spares.take(generation.number, now) : undefined;
    if (spare === undefined) {
      this.spawn(id, generation);
      return;
    }
    this.#settle(id);
    spare.take(id, this.#standing(id, generation));
    roster.add(spare);
  }

  /** Fills a slot with a new process. */
  spawn(id: number, generation: Generation): void {
    this.#settle(id);
    this.#start(id, generation, this.#office.roster);
  }

  /** Starts a spare. */
  stock(generation: Generation): void {
    this.#start(0, generation, this.#office.spares);
  }

  #start(id: number, generation: Generation, into: { add(worker: WorkerHandle): void }): void {
    const { site, notifier } = this.#office;
    const worker = site.spawn(generation, { id, age: ++this.#ages, ...this.#standing(id, generation) });
    into.add(worker);
    notifier.emit('worker:spawn', worker.info());
  }

  #settle(id: number): void {
    if (this.#vacated.delete(id)) this.#office.tally.respawns++;
  }

  #standing(id: number, generation: Generation): ReturnType<Takeover['standing']> {
    const { roster, takeover } = this.#office;
    return takeover.standing(generation, () => roster.staying().some((other) => other.id === id && other.ready));
  }
}
