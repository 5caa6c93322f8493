interface Wait {
  readonly holds: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A queue and the one place that acts on it. What is enqueued while a turn is acted on waits for its own turn, so no
 * turn ever sees another half done. After each turn `settle` may draw conclusions, then the promises of
 * {@link Loop.until} that have come true are fulfilled.
 */
export class Loop<Turn> {
  readonly #queue: Turn[] = [];
  readonly #waits = new Set<Wait>();
  readonly #act: (turn: Turn) => void;
  readonly #settle: () => void;
  #turning = false;

  constructor(act: (turn: Turn) => void, settle: () => void) {
    this.#act = act;
    this.#settle = settle;
  }

  enqueue(turn: Turn): void {
    this.#queue.push(turn);
    if (this.#turning) return;
    this.#turning = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#act(next);
        this.#settle();
        this.#answer();
      }
    } finally {
      this.#turning = false;
    }
  }

  /** Resolves when the condition holds after a turn; rejects with what it throws. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waits.add({ holds, resolve, reject });
      this.#answer();
    });
  }

  #answer(): void {
    for (const wait of this.#waits) {
      try {
        if (!wait.holds()) continue;
        wait.resolve();
      } catch (error) {
        wait.reject(error);
      }
      this.#waits.delete(wait);
    }
  }
}
