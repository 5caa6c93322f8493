import { exitLevel } from './entries.js';
import type { ArbiterEvents } from './events.js';

/** The slots whose worker failed, as the events tell, until another one serves there: that it does is news then. */
export class FailedSlots {
  readonly #ids = new Set<number>();

  /** Called behind what is said of the event. */
  note<E extends keyof ArbiterEvents>(event: E, args: ArbiterEvents[E]): void {
    if (event === 'worker:exit') {
      const [{ id }, exit] = args as ArbiterEvents['worker:exit'];
      if (exitLevel(exit) === 'error') this.#ids.add(id);
    } else if (event === 'worker:ready') {
      const [{ id }] = args as ArbiterEvents['worker:ready'];
      this.#ids.delete(id);
    } else if (event === 'stopped') this.#ids.clear();
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }
}
