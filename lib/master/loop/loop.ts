/*
 * How one thing happens after another: a queue of turns, an alarm, signals, and the states. What a turn does is defined
 * elsewhere.
 */
interface Wait {
  /** The number of the last turn that was enqueued before this wait. */
  readonly after: number;
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
  readonly #onFailure: (error: unknown) => void;
  #queued = 0;
  #acted = 0;
  #turning = false;

  /**
   * @param onFailure - called with what a turn or its settling throws; the loop goes on. It must not throw. Without it,
   * `enqueue` throws the error.
   */
  constructor(act: (turn: Turn) => void, settle: () => void, onFailure: (error: unknown) => void = rethrow) {
    this.#act = act;
    this.#settle = settle;
    this.#onFailure = onFailure;
  }

  enqueue(turn: Turn): void {
    this.#queue.push(turn);
    this.#queued++;
    if (this.#turning) return;
    this.#turning = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const turn = next;
        this.#acted++;
        this.#try(() => this.#act(turn));
        // Also after a turn that failed: what it has done counts.
        this.#try(this.#settle);
        this.#answer();
      }
    } finally {
      this.#turning = false;
    }
  }

  /** Resolves when the condition holds after a turn; rejects with what it throws. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waits.add({ after: this.#queued, holds, resolve, reject });
      if (!this.#turning) this.#answer();
    });
  }

  #try(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #answer(): void {
    for (const wait of this.#waits) {
      if (wait.after > this.#acted) continue;
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

function rethrow(error: unknown): never {
  throw error;
}
