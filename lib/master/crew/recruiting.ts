import type { Tally } from '../scoreboard/stats.js';
import type { Site } from '../site/site.js';
import type { Notifier } from '../tell/notify.js';
import type { Generation } from '../workers/generation.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import type { Vacancy } from './rollout.js';
import { FAILS_FROM, type Roster } from './roster.js';
import type { Spares } from './spares.js';
import type { Takeover } from './takeover.js';

/** What those who recruit need. */
export interface Office {
  readonly site: Site;
  readonly notifier: Notifier;
  readonly roster: Roster<WorkerHandle>;
  readonly spares: Spares<WorkerHandle>;
  readonly takeover: Takeover;
  readonly tally: Tally;
}

/**
 * So many are started, and then the loop looks up: to start a process stops it for ten milliseconds, and a hundred of them would keep a
 * stop, and all else that happens, waiting for a second.
 */
export const AT_ONCE = 4;

/** Who gets a slot: a spare, or a new process. */
export class Recruiting {
  readonly #office: Office;
  /** Slots whose worker ended without being told to. */
  readonly #vacated = new Set<number>();
  #ages = 0;

  constructor(office: Office) {
    this.#office = office;
  }

  /** The worker of a slot has ended without being told to. */
  vacate(id: number): void {
    this.#vacated.add(id);
  }

  /** Gives each of these slots to somebody, of so many that there should be. */
  fill(orders: readonly Vacancy[], wanted: number, now: number): void {
    if (this.#vacated.size > 0 && wanted > 0) this.#renumber(wanted);
    for (const { id, generation } of orders) this.#occupy(id, generation, now);
  }

  /** The lowest free number is given: when those below have been scaled away, who replaces a worker has another one. */
  #renumber(wanted: number): void {
    const posts = this.#office.roster.posts(wanted);
    const free = posts.filter(({ id, holders }) => holders.length === 0 && !this.#vacated.has(id));
    for (const lost of [...this.#vacated].filter((id) => !posts.some((post) => post.id === id))) {
      this.#vacated.delete(lost);
      const post = free.shift();
      if (post) this.#vacated.add(post.id);
    }
  }

  /** Gives a slot to the spare that waits for one, else to a new process. */
  #occupy(id: number, generation: Generation, now: number): void {
    const { roster, spares } = this.#office;
    // A slot that fails again and again would fail the faster, and leave none for the others.
    const spare = roster.deaths(id) < FAILS_FROM ? spares.take(generation.number, now) : undefined;
    if (spare === undefined) {
      this.spawn(id, generation);
      return;
    }
    this.#settle(id);
    spare.take(id, this.#standing(id, generation));
    roster.add(spare);
  }

  /** Gives a slot to a new process. */
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
