import { figuresOf } from '../../system/thread-figures.js';
import { countdown } from './countdown.js';

/** How long before its kill a worker is asked what it is doing, so that it has answered by then. Milliseconds. */
const LAST_WORD = 1_500;

/** The two limits that the master sets to one worker process: when it must be ready, and when it must have ended. */
export class Limits {
  #stopBoot: (() => void) | undefined;
  #stopKill: (() => void) | undefined;
  #stopAsk: (() => void) | undefined;
  #killAt = Number.POSITIVE_INFINITY;

  /**
   * Calls `onOverdue` after `limit` milliseconds from now. Time in which the process waits for a CPU does not count.
   */
  countBoot(limit: number, pid: number | undefined, onOverdue: () => void): void {
    const waited = (): number => (pid === undefined ? 0 : figuresOf(pid).waited);
    this.#stopBoot?.();
    this.#stopBoot = countdown(limit, onOverdue, waited);
  }

  booted(): void {
    this.#stopBoot?.();
  }

  /** Calls `kill` after `limit` milliseconds from now. A kill that is due earlier is never put off. */
  killWithin(limit: number, kill: () => void): void {
    const at = performance.now() + limit;
    if (at >= this.#killAt) return;
    this.#killAt = at;
    this.#stopKill?.();
    this.#stopKill = countdown(limit, kill);
  }

  /** Calls `ask` shortly before a kill that is due after `limit` milliseconds. */
  askBefore(limit: number, ask: () => void): void {
    this.#stopAsk?.();
    this.#stopAsk = countdown(limit - Math.min(limit / 2, LAST_WORD), ask);
  }

  /** The worker has ended. */
  clear(): void {
    this.#stopBoot?.();
    this.#stopKill?.();
    this.#stopAsk?.();
  }
}
