import { backoffDelay, countFailure, type FailureCount, type FailureKind } from '../backoff.js';

/** What the roster needs to know of a worker. */
export interface Member {
  /** The stable slot, 1..n. */
  readonly id: number;
  /** Counts all workers ever spawned; a lower one is older. */
  readonly age: number;
  /** It was told to end and counts no more. */
  readonly leaving: boolean;
}

/** What has to happen for the roster to hold the target. */
export interface Plan<M extends Member> {
  /** Slots that want a worker now. */
  readonly spawn: readonly number[];
  /** Workers too many, oldest first. */
  readonly retire: readonly M[];
  /** When the next slot's wait is over, or undefined. */
  readonly wakeAt: number | undefined;
}

interface Slot {
  readonly count: FailureCount;
  readonly notBefore: number;
}

/** Who lives, who should, and which slot waits. No I/O, no clock. */
export class Roster<M extends Member> {
  readonly #members = new Map<number, M>();
  readonly #slots = new Map<number, Slot>();

  get size(): number {
    return this.#members.size;
  }

  /** All that live, those that leave included, oldest first. */
  all(): M[] {
    return [...this.#members.values()].sort((a, b) => a.age - b.age);
  }

  /** Those that count towards the target, oldest first. */
  staying(): M[] {
    return this.all().filter((member) => !member.leaving);
  }

  has(member: M): boolean {
    return this.#members.get(member.age) === member;
  }

  add(member: M): void {
    this.#members.set(member.age, member);
  }

  remove(member: M): void {
    this.#members.delete(member.age);
  }

  /** Counts a death against a slot and returns the wait that follows; `served` as in {@link countFailure}. */
  fail(
    id: number,
    kind: FailureKind,
    served: number,
    now: number,
    chance: number,
  ): { delay: number; failures: number } {
    const count = countFailure(this.#slots.get(id)?.count, kind, served);
    const delay = backoffDelay(count, chance);
    this.#slots.set(id, { count, notBefore: now + delay });
    return { delay, failures: count.failures };
  }

  /**
   * Compares with the target. Surplus workers go oldest first, as in Gunicorn; then the slots that are free,
   * lowest number first, get workers, except those whose wait is not over.
   */
  plan(target: number, now: number): Plan<M> {
    const staying = this.staying();
    const retire = staying.slice(0, Math.max(0, staying.length - target));
    const taken = new Set(staying.map((member) => member.id));
    const spawn: number[] = [];
    let wakeAt: number | undefined;
    let missing = target - staying.length;
    for (let id = 1; missing > 0; id++) {
      if (taken.has(id)) continue;
      missing--;
      const notBefore = this.#slots.get(id)?.notBefore ?? now;
      if (notBefore <= now) spawn.push(id);
      else wakeAt = Math.min(wakeAt ?? notBefore, notBefore);
    }
    return { spawn, retire, wakeAt };
  }
}
