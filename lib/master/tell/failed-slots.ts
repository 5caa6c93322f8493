import { exitLevel } from './entries.js';
import type { ArbiterEvents } from './events.js';

/**
 * The slots whose worker failed, according to the events, and which no other worker serves. When a worker serves such a
 * slot again, that is worth a line in the log.
 */
export class FailedSlots {
  readonly #failed = new Set<number>();
  /** The workers that serve, by slot; each is noted by its age. */
  readonly #serving = new Map<number, Set<number>>();

  /** To be called after the event has been logged. */
  note<E extends keyof ArbiterEvents>(event: E, args: ArbiterEvents[E]): void {
    if (event === 'worker:exit') this.#end(...(args as ArbiterEvents['worker:exit']));
    else if (event === 'worker:ready') {
      const [{ id, age }] = args as ArbiterEvents['worker:ready'];
      this.#failed.delete(id);
      this.#servingIn(id).add(age);
    } else if (event === 'scale') {
      const [to] = args as ArbiterEvents['scale'];
      for (const id of this.#failed) if (id > to) this.#failed.delete(id);
    } else if (event === 'stopped') {
      this.#failed.clear();
      this.#serving.clear();
    }
  }

  has(id: number): boolean {
    return this.#failed.has(id);
  }

  #end(...[{ id, age }, exit]: ArbiterEvents['worker:exit']): void {
    const serving = this.#servingIn(id);
    serving.delete(age);
    // A worker of a new generation that was to take over may fail beside the old one, which serves on. An old worker
    // may fail beside the one that has taken over.
    if (serving.size === 0 && exitLevel(exit) === 'error') this.#failed.add(id);
  }

  #servingIn(id: number): Set<number> {
    const serving = this.#serving.get(id) ?? new Set();
    this.#serving.set(id, serving);
    return serving;
  }
}
