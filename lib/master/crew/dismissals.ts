import type { Order } from '../../protocol/orders.js';

/** A signal that is sent to a whole process group or cgroup reaches this process too within this time. Milliseconds. */
const ALL_WITHIN = 100;

/** What must be known of a worker here. */
export interface Dismissed {
  readonly leaving: boolean;
  /** The worker is ready, or waits as a spare. */
  readonly booted: boolean;
  /** When the worker may take the place of another one, on the clock of `now`; undefined before it is ready. */
  readonly provenAt: number | undefined;
  order(order: Order): void;
}

/**
 * The workers that have got SIGTERM from somebody other than the master. A worker cannot know whether the signal was
 * meant for it alone, so it asks the master. The answer waits for a moment: if all were told to end, the master was
 * too. A worker that alone was meant leaves, but goes on accepting until another one serves. Nobody else would accept,
 * and connections that still wait when the master ends would be reset.
 *
 * Time is a parameter.
 */
export class Dismissals<W extends Dismissed> {
  readonly #dismiss: (worker: W) => void;
  readonly #limit: number;
  /** Workers that have asked, with the time of the answer. */
  readonly #asked = new Map<W, number>();
  /** Workers that leave but serve until another one does, with the time at which they are to drain in any case. */
  readonly #kept = new Map<W, number>();

  /**
   * @param dismiss - called when the worker's slot is free for another one; the order to drain comes from here, later.
   * @param limit - how long a worker stays that no other one relieves, milliseconds.
   */
  constructor(dismiss: (worker: W) => void, limit: number) {
    this.#dismiss = dismiss;
    this.#limit = limit;
  }

  /** The worker has got SIGTERM, and asks what to do. */
  ask(worker: W, now: number): void {
    if (!this.#asked.has(worker)) this.#asked.set(worker, now + ALL_WITHIN);
  }

  /** Whether the worker leaves but still serves. */
  keeps(worker: W): boolean {
    return this.#kept.has(worker);
  }

  /**
   * Answers the workers whose time has come. If the master is `ending` too, they stay until it orders them to end.
   * Returns when to look again.
   */
  settle(workers: readonly W[], now: number, ending: boolean): number | undefined {
    for (const [worker, at] of this.#asked) {
      const gone = worker.leaving || !workers.includes(worker);
      if (!gone && !ending && at > now) continue;
      this.#asked.delete(worker);
      if (gone) continue;
      if (ending) worker.order('stay');
      // It ends before it has booted, which is a failed boot.
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

  /** Forgets all of them: every worker gets an order of the master's own. */
  clear(): void {
    this.#asked.clear();
    this.#kept.clear();
  }
}
