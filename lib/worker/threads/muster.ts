/* Which threads have been up, and when one that has ended is to come back. It starts and ends none. */
import { backoffDelay, countFailure, type FailureCount } from '../../backoff.js';

/** What became of a thread. */
export interface Ended {
  readonly number: number;
  readonly ready: boolean;
  /** Of `performance.now()`. */
  readonly readyAt: number | undefined;
  readonly timedOut: boolean;
}

/** The process has booted when each number has been ready once. Until then, a number that cannot boot fails the process. */
export class Muster {
  readonly #size: number;
  /** Whoever takes the place of one of these replaces it, also while others boot. */
  readonly #proven = new Set<number>();
  readonly #failures = new Map<number, FailureCount>();
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined;

  /** @param size - how many threads there are. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Resolves when all have been ready once, rejects when one of those that the process begins with cannot boot. */
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

  /** How long its place stays empty, milliseconds. */
  wait({ number, ready, readyAt, timedOut }: Ended): number {
    // It has taken its time already: threads cannot hang more often than that.
    if (ready && timedOut) return 0;
    const served = readyAt === undefined ? 0 : performance.now() - readyAt;
    const count = countFailure(this.#failures.get(number), ready ? 'crash' : 'boot', served);
    this.#failures.set(number, count);
    return backoffDelay(count, Math.random());
  }
}
