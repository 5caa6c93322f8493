import { figuresOf } from '../../system/thread-figures.js';
import { countdown } from './countdown.js';

/** Whoever is to be killed is asked so long before what it does: by then, it has said so. Milliseconds. */
const LAST_WORD = 1_500;

/** The two limits that a master sets to one worker process: when it must be ready, and when it must have ended. */
export class Limits {
  #stopBoot: (() => void) | undefined;
  #stopKill: (() => void) | undefined;
  #stopAsk: (() => void) | undefined;
  #killAt = Number.POSITIVE_INFINITY;

  /** Milliseconds from now; the time in which the process waits for a CPU does not count. */
  countBoot(limit: number, pid: number | undefined, onOverdue: () => void): void {
    const waited = (): number => (pid === undefined ? 0 : figuresOf(pid).waited);
    this.#stopBoot?.();
    this.#stopBoot = countdown(limit, onOverdue, waited);
  }

  booted(): void {
    this.#stopBoot?.();
  }

  /** Milliseconds from now, but never later than it was to be before. */
  killWithin(limit: number, kill: () => void): void {
    const at = performance.now() + limit;
    if (at >= this.#killAt) return;
    this.#killAt = at;
    this.#stopKill?.();
    this.#stopKill = countdown(limit, kill);
  }

  /** Shortly before such a kill. */
  askBefore(limit: number, ask: () => void): void {
    this.#stopAsk?.();
    this.#stopAsk = countdown(limit - Math.min(limit / 2, LAST_WORD), ask);
  }

  /** It has ended. */
  clear(): void {
    this.#stopBoot?.();
    this.#stopKill?.();
    this.#stopAsk?.();
  }
}
