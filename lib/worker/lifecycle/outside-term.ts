/** How long the master may take to answer, and what it takes until one that must stay looks again. Milliseconds. */
const PATIENCE = 1_000;
const RETRY = 200;

/** What to do about a SIGTERM that does not come from the master. */
export interface OutsideTermActs {
  /** Asks the master. */
  readonly ask: () => void;
  /** Whether another one serves if this one leaves. */
  readonly isRelieved: () => boolean;
  readonly leave: () => void;
}

/**
 * A SIGTERM that somebody else has sent. A supervisor that ends a service may send it to every process of a group or cgroup; then the master
 * alone knows when to drain, and what waits at the sockets needs somebody until then. So the worker asks, and serves on. A master that is
 * stopped or busy says nothing: then the worker leaves, unless it is the last one.
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
      // Of two that wait for each other, one comes first.
      if (this.#acts.isRelieved()) this.#acts.leave();
      else this.#decideIn(RETRY * (1 + Math.random()));
    }, pause).unref();
  }
}
