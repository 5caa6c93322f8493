import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';

/**
 * How much of a drain's time is kept for breaking off what has not been answered by then: a quarter, but within these
 * bounds, and half of the time at most. Milliseconds.
 */
const REST = { least: 500, most: 3_000 } as const;

/** The reasons with which the application's `AbortSignal` fires. */
export const LEAVES: string = 'this worker drains: it takes no more work, and ends when what is under way has ended';
export const ORPHANED: string = 'the master of this worker is gone: it ends at once';

/** How a drain divides its time, milliseconds. */
export interface DrainTimes {
  /** How long everything that is under way may go on undisturbed. */
  readonly patience: number;
  /**
   * How long what was broken off may take to reach its client. The rest of the drain is for what the application
   * closes.
   */
  readonly farewell: number;
}

export function drainTimes(limit: number): DrainTimes {
  const rest = Math.min(limit / 2, REST.most, Math.max(limit / 4, REST.least));
  // On a busy machine, the exit of a process with threads takes longer than anything else here.
  return { patience: Math.floor(limit - rest), farewell: Math.floor(rest / 4) };
}

/**
 * The beginning of this worker's drain, as its application hears of it. The signal is made only when it is first asked
 * for.
 */
export class Departure {
  #controller: AbortController | undefined;
  #reason: DOMException | undefined;
  #listeners: AsyncLocalStorage<true> | undefined;

  get hasBegun(): boolean {
    return this.#reason !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      // Each endless answer adds a listener, so there is no limit above which Node should warn.
      setMaxListeners(0, this.#controller.signal);
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Begins the drain: calls the listeners of the signal synchronously. */
  begin(reason: string): void {
    this.#reason = new DOMException(reason, 'AbortError');
    if (this.#controller === undefined) return;
    this.#listeners = new AsyncLocalStorage();
    this.#listeners.run(true, () => this.#controller?.abort(this.#reason));
  }

  /**
   * Whether the code that runs now was called by the signal: by a listener, or by a promise or a timer that a listener
   * began. Node turns what a listener throws into an uncaught exception, which would end the worker and all that it
   * still has to answer.
   */
  get isAnnounced(): boolean {
    return this.#listeners?.getStore() === true;
  }
}

/** The drain of this process, or of this thread. */
export const departure: Departure = new Departure();
