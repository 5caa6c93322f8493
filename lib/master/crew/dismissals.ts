import type { Order } from '../../protocol/orders.js';

/** What is sent to all of a process group, or of a cgroup, reaches this process too within that time. Milliseconds. */
const ALL_WITHIN = 100;

/** A worker, as far as this goes. */
export interface Dismissed {
  readonly leaving: boolean;
  /** It is ready, or waits as a spare. */
  readonly booted: boolean;
  /** When it may take the place of another one, on the clock of `now`; undefined before it is ready. */
  readonly provenAt: number | undefined;
  order(order: Order): void;
}

/**
 * The workers that have got TERM from somebody else. A worker cannot know whether it alone is meant, so it asks. The answer waits for a
 * moment: if all have been told to end, the master is too. One that is meant alone leaves, but as long as no other one serves it goes on
 * accepting: nobody else would, and what waits when the master ends would be reset.
 *
 * Time is a parameter.
 */
export class Dismissals<W extends Dismissed> {
  readonly #dismiss: (worker: W) => void;
  readonly #limit: number;
  /** With when they are answered. */
  readonly #asked = new Map<W, number>();
  /** They leave, and serve as long as nobody else does; with when they are to go in any case. */
  readonly #kept = new Map<W, number>();

  /**
   * @param dismiss - its place is another's from now on; it gets its order from here.
   * @param limit - how long one that nobody relieves stays, milliseconds.
   */
  constructor(dismiss: (worker: W) => void, limit: number) {
    this.#dismiss = dismiss;
    this.#limit = limit;
  }

  /** It has got TERM. */
  ask(worker: W, now: number): void {
    if (!this.#asked.has(worker)) this.#asked.set(worker, now + ALL_WITHIN);
  }

  /** Whether it leaves, and serves meanwhile. */
  keeps(worker: W): boolean {
    return this.#kept.has(worker);
  }

  /** Answers those whose time has come; if the master is `ending` too, all go on until it says more. Returns when to look again. */
  settle(workers: readonly W[], now: number, ending: boolean): number | undefined {
    for (const [worker, at] of this.#asked) {
      const gone = worker.leaving || !workers.includes(worker);
      if (!gone && !ending && at > now) continue;
      this.#asked.delete(worker);
      if (gone) continue;
      if (ending) worker.order('stay');
      // It ends then, and that is a boot that failed.
      else if (!worker.booted) worker.order('drain');
      else {
        this.#dismiss(worker);
        this.#kept.set(worker, now + this.#limit);
      }
    }
    const relieved = workers.some(({ leaving, provenAt }) => !leaving && provenAt !== undefined && provenAt <= now);
    for (const [worker, until] of this.#kept) {
      const lives = workers.includes(worker);
      if (lives && !relieved && until > now) continue;
      this.#kept.delete(worker);
      if (lives) worker.order('drain');
    }
    const times = [...this.#asked.values(), ...this.#kept.values()];
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** All get an order of the master's own. */
  clear(): void {
    this.#asked.clear();
    this.#kept.clear();
  }
}
