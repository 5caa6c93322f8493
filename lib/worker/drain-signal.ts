import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';

/** What remains of the time of a drain for what is not answered by then: a quarter, but so much, or half of the time. Milliseconds. */
const REST = { least: 500, most: 3_000 } as const;

/** Why a signal of the application fires. */
export const LEAVES: string = 'this worker drains: it takes no more work, and ends when what is under way has ended';
export const ORPHANED: string = 'the master of this worker is gone: it ends at once';

/** How a drain divides its time, milliseconds. */
export interface DrainTimes {
  /** For so long, everything that is under way may take its time. */
  readonly patience: number;
  /** For so long, what was broken off may get to its client. The rest is for what the application closes. */
  readonly farewell: number;
}

export function drainTimes(limit: number): DrainTimes {
  const rest = Math.min(limit / 2, REST.most, Math.max(limit / 4, REST.least));
  // On a busy machine, to end takes a process with threads longer than anything else here.
  return { patience: Math.floor(limit - rest), farewell: Math.floor(rest / 4) };
}

/** The beginning of this worker's drain, as its application hears of it. Nothing of it is made before somebody asks. */
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
      // Each endless answer listens.
      setMaxListeners(0, this.#controller.signal);
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Calls the listeners of the signal, before it returns. */
  begin(reason: string): void {
    this.#reason = new DOMException(reason, 'AbortError');
    if (this.#controller === undefined) return;
    this.#listeners = new AsyncLocalStorage();
    this.#listeners.run(true, () => this.#controller?.abort(this.#reason));
  }

  /**
   * Whether what runs now, was called by the signal, if only by a promise or a timer of a listener. What a listener throws, Node makes an
   * uncaught exception, which would end the worker with all that it still has to answer.
   */
  get isAnnounced(): boolean {
    return this.#listeners?.getStore() === true;
  }
}

/** Of this process, or this thread. */
export const departure: Departure = new Departure();
