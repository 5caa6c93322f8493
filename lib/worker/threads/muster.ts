/* Notes which threads have been ready, and says when one that has ended is to be replaced. It starts and ends none. */
import { backoffDelay, countFailure, type FailureCount } from '../../backoff.js';

/** A thread that has ended. */
export interface Ended {
  readonly number: number;
  readonly ready: boolean;
  /** When it was ready, of `performance.now()`. */
  readonly readyAt: number | undefined;
  readonly timedOut: boolean;
}

/**
 * The process has booted when a thread of each number has been ready once. A number that has not been ready and cannot
 * boot fails the process.
 */
export class Muster {
  readonly #size: number;
  /**
   * The numbers of which a thread has been ready. Later threads of such a number are replacements, even while other
   * numbers still boot.
   */
  readonly #proven = new Set<number>();
  readonly #failures = new Map<number, FailureCount>();
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined;

  /** @param size - how many threads there are. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Resolves when all numbers have been ready once. Rejects when a thread that the process begins with cannot boot. */
  complete(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  get isComplete(): boolean {
    return this.#proven.size === this.#size;
  }

  /** Whether the process cannot have booted without the next thread of that number. */
  isFirst(number: number): boolean {
    return !this.#proven.has(number);
  }

  ready(number: number): void {
    this.#proven.add(number);
    if (this.isComplete) this.#waiting?.resolve();
  }

  fail(error: Error): void {
    this.#waiting?.reject(error);
  }

  /** How long to wait before the thread is replaced, milliseconds: the backoff of its number. */
  wait({ number, ready, readyAt, timedOut }: Ended): number {
    // No backoff for a timeout: a hang takes as long as `timeout`, so threads cannot end by it in a fast loop.
    if (ready && timedOut) return 0;
    const served = readyAt === undefined ? 0 : performance.now() - readyAt;
    const count = countFailure(this.#failures.get(number), ready ? 'crash' : 'boot', served);
    this.#failures.set(number, count);
    return backoffDelay(count, Math.random());
  }
}
