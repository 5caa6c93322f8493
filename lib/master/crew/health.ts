import type { FailingSlot } from '../scoreboard/stats.js';
import type { Notifier } from '../tell/notify.js';
import { FAILS_FROM, type Failing } from './roster.js';

/** Whether slots fail again and again (the service is degraded). Tells when that begins, and when it is over. */
export class Health {
  readonly #failing: (target: number, now: number) => readonly Failing[];
  readonly #notifier: Notifier;
  degraded = false;

  constructor(failing: (target: number, now: number) => readonly Failing[], notifier: Notifier) {
    this.#failing = failing;
    this.#notifier = notifier;
  }

  failing(target: number, now: number): FailingSlot[] {
    return this.#failing(target, now).map(({ wait, ...slot }) => ({
      ...slot,
      nextAttempt: wait > 0 ? Math.round(Date.now() + wait) : undefined,
    }));
  }

  tell(target: number, now: number): void {
    const failing = this.failing(target, now);
    const degraded = failing.some(({ failures }) => failures >= FAILS_FROM);
    if (degraded === this.degraded) return;
    this.degraded = degraded;
    if (degraded) this.#notifier.emit('degraded', failing);
    else this.#notifier.emit('recovered');
  }
}
