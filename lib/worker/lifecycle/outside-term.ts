/** How long the master may take to answer, and after how long a worker that must stay looks again. Milliseconds. */
const PATIENCE = 1_000;
const RETRY = 200;

/** What to do about a SIGTERM that does not come from the master. */
export interface OutsideTermActs {
  /** Asks the master what the signal means. */
  readonly ask: () => void;
  /** Whether another worker serves if this one leaves. */
  readonly isRelieved: () => boolean;
  readonly leave: () => void;
}

/**
 * Handles a SIGTERM that the master has not sent. A supervisor that ends a service may send it to every process of a
 * group or cgroup. Then only the master knows when to drain, and until then clients in the accept queue need a worker.
 * So the worker asks the master, and serves on. A master that is stopped or busy does not answer; then the worker
 * leaves, unless it is the last one.
 */
export class OutsideTerm {
  readonly #acts: OutsideTermActs;
  #timer: NodeJS.Timeout | undefined;

  constructor(acts: OutsideTermActs) {
    this.#acts = acts;
  }

  came(): void {
    if (this.#timer !== undefined) return;
    this.#decideIn(PATIENCE);
    this.#acts.ask();
  }

  /** The master has answered. */
  answered(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #decideIn(pause: number): void {
    this.#timer = setTimeout(() => {
      // The pause is random, so that of two workers that wait for each other one decides first.
      if (this.#acts.isRelieved()) this.#acts.leave();
      else this.#decideIn(RETRY * (1 + Math.random()));
    }, pause).unref();
  }
}
