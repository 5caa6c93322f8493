import { backoffDelay, countFailure, type FailureCount, type FailureKind, STABLE_AFTER } from '../../backoff.js';

/** What the roster needs to know of a worker. */
export interface Member {
  /** The stable slot, 1..n. */
  readonly id: number;
  /** Counts all workers ever spawned; a lower one is older. */
  readonly age: number;
  /** In a slot, one of a later term takes over from one of an earlier, whatever their ages. */
  readonly term: number;
  /** It was told to end and counts no more. */
  readonly leaving: boolean;
  readonly ready: boolean;
  /** When it became ready, on the clock of `now`. */
  readonly readySince: number | undefined;
  /** When it may take the place of another one of its slot, on the clock of `now`; undefined before it is ready. */
  readonly provenAt: number | undefined;
  /** It has asked to be recycled, or somebody wants another one in its place. */
  readonly due: boolean;
  /** Somebody does, and waits for it. */
  readonly unwanted: boolean;
}

/** A slot that has lost so many workers in a row fails again and again; one is an accident, and replaced at once. */
export const FAILS_FROM = 2;

/** What has to happen for the roster to hold the target. */
export interface Plan<M extends Member> {
  /** Slots that want a worker now. */
  readonly spawn: readonly number[];
  /** Workers too many: those of slots that serve nobody, then the oldest. */
  readonly retire: readonly M[];
  /** Workers whose substitute is proven. */
  readonly relieve: readonly Relief<M>[];
  /** When the next slot's wait or the next substitute's probation is over, or undefined. Now, where more are to be spawned than at once. */
  readonly wakeAt: number | undefined;
}

/** A worker, and the younger one of its slot that takes its place. */
export interface Relief<M extends Member> {
  readonly worker: M;
  readonly by: M;
}

/** Those of one slot that stay: its worker, and perhaps substitutes, by term and age. */
type Occupants<M> = [worker: M, ...substitutes: M[]];

/** A slot whose worker has died, and that has had no stable one since. */
export interface Failing {
  readonly id: number;
  /** Deaths in a row. */
  readonly failures: number;
  /** How long it stays without another worker, milliseconds; 0 when it has got one, or gets it now. */
  readonly wait: number;
}

interface Slot {
  readonly count: FailureCount;
  readonly failedAt: number;
  /** Of the worker that failed. */
  readonly term: number;
  readonly notBefore: number;
}

/* What a slot is worth when there are too many. */
const FAILS = 0;
const BOOTS = 1;
const SERVES = 2;

/**
 * Who lives, who should, and which slot waits. No I/O, no clock.
 *
 * A slot has one worker that stays; two while its worker is recycled or reloaded: the one of the later term is the substitute, and
 * of the same term the younger one. So who replaces whom is never noted down, and whichever of the two dies, the other one has the slot.
 */
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

  /** Counts a worker's death against its slot and returns the wait that follows; `served` as in {@link countFailure}. */
  fail(
    { id, term }: Pick<M, 'id' | 'term'>,
    kind: FailureKind,
    served: number,
    now: number,
    chance: number,
  ): { delay: number; failures: number } {
    const count = countFailure(this.#slots.get(id)?.count, kind, served);
    const delay = backoffDelay(count, chance);
    this.#slots.set(id, { count, failedAt: now, term, notBefore: now + delay });
    return { delay, failures: count.failures };
  }

  /** How often in a row the workers of a slot have died. */
  deaths(id: number): number {
    return this.#slots.get(id)?.count.failures ?? 0;
  }

  /**
   * Forgets the failures of each slot that has a stable worker again; one that was ready before does not count, since it
   * is its substitutes that fail, unless it took over from what failed, or gets no more of them. Returns when to look again.
   */
  settle(now: number): number | undefined {
    let wakeAt: number | undefined;
    for (const { id, term, readySince, due } of this.staying()) {
      const slot = this.#slots.get(id);
      if (!slot || readySince === undefined) continue;
      const wasBefore = readySince < slot.failedAt && term <= slot.term;
      if (wasBefore && due) continue;
      const stableAt = (wasBefore ? slot.failedAt : readySince) + STABLE_AFTER;
      if (stableAt <= now) this.#slots.delete(id);
      else wakeAt = Math.min(wakeAt ?? stableAt, stableAt);
    }
    return wakeAt;
  }

  /** The slots that the target asks for, with those of their workers that stay; lowest number first. */
  posts(target: number): {
    readonly id: number;
    readonly holders: readonly M[];
    readonly notBefore: number | undefined;
  }[] {
    const posts = new Map<number, readonly M[]>(this.#occupants().map((occupants) => [occupants[0].id, occupants]));
    for (let id = 1; posts.size < target; id++) if (!posts.has(id)) posts.set(id, []);
    return [...posts]
      .map(([id, holders]) => ({ id, holders, notBefore: this.#notBefore(id) }))
      .sort((a, b) => a.id - b.id);
  }

  /** The slots that fail, of those that the target asks for. */
  failing(target: number, now: number): Failing[] {
    const wanted = new Set(this.posts(target).map(({ id }) => id));
    const failing: Failing[] = [];
    for (const [id, { count, notBefore }] of this.#slots) {
      if (wanted.has(id)) failing.push({ id, failures: count.failures, wait: Math.max(0, notBefore - now) });
    }
    return failing.sort((a, b) => a.id - b.id);
  }

  /** The worker that a slot has beside this one, if there is one that stays, and that counts. */
  partner({ id, age }: M, counts: (other: M) => boolean = () => true): M | undefined {
    return this.staying().find((other) => other.id === id && other.age !== age && counts(other));
  }

  /**
   * Compares with the target. A substitute that is proven relieves its worker. Surplus slots are given up, first those that serve
   * nobody: those that fail, then those that boot, youngest first, as it is the furthest from being ready. So nobody who serves goes
   * while somebody is asked for who would only boot in its place. Then the oldest worker first, as in Gunicorn. With a worker its
   * substitute goes. The slots that are free, lowest number first, get workers, except those whose wait is not over; `most` of them now, and
   * the next ones when it is asked again.
   */
  plan(target: number, now: number, most: number = Number.POSITIVE_INFINITY): Plan<M> {
    const relieve: Relief<M>[] = [];
    let wakeAt: number | undefined;
    const slots = this.#occupants().map((occupants): Occupants<M> => {
      const [, ...substitutes] = occupants;
      const by = substitutes.findLast(({ provenAt }) => provenAt !== undefined && provenAt <= now);
      for (const { provenAt } of occupants) {
        if (provenAt !== undefined && provenAt > now) wakeAt = Math.min(wakeAt ?? provenAt, provenAt);
      }
      if (by === undefined) return occupants;
      const place = occupants.indexOf(by);
      relieve.push(...occupants.slice(0, place).map((worker) => ({ worker, by })));
      return [by, ...occupants.slice(place + 1)];
    });
    slots.sort((a, b) => {
      const worth = this.#worth(a);
      return worth - this.#worth(b) || (worth === SERVES ? a[0].age - b[0].age : b[0].age - a[0].age);
    });
    const retire = slots.slice(0, Math.max(0, slots.length - target)).flat();
    const taken = new Set(slots.map(([{ id }]) => id));
    const spawn: number[] = [];
    let missing = target - slots.length;
    for (let id = 1; missing > 0; id++) {
      if (taken.has(id)) continue;
      missing--;
      const notBefore = this.#notBefore(id) ?? now;
      if (notBefore <= now && spawn.length < most) spawn.push(id);
      else wakeAt = Math.min(wakeAt ?? notBefore, notBefore);
    }
    return { spawn, retire, relieve, wakeAt };
  }

  /**
   * Which slot gets a substitute: that of the oldest worker that is due. None unless exactly as many workers live as
   * should and all of them are ready, so that two are never recycled at once, nor one while anything else changes.
   *
   * Slots that fail again and again may do so for ever. If they are all that is missing, who is unwanted gets a substitute all the same: somebody waits for
   * what becomes of it, and it serves on if that one fails too.
   */
  planRecycling(target: number, now: number): Pick<Plan<M>, 'spawn' | 'wakeAt'> {
    const slots = this.#occupants();
    const lacking = this.posts(target).filter(({ holders: [worker] }) => worker?.ready !== true);
    const changing =
      slots.length > target || this.size !== slots.length || lacking.some(({ id }) => this.deaths(id) < FAILS_FROM);
    const [oldest] = slots.find(([{ due, unwanted }]) => (lacking.length === 0 ? due : unwanted)) ?? [];
    if (changing || !oldest) return { spawn: [], wakeAt: undefined };
    const notBefore = this.#notBefore(oldest.id) ?? now;
    return notBefore <= now ? { spawn: [oldest.id], wakeAt: undefined } : { spawn: [], wakeAt: notBefore };
  }

  /** Which slots are given up first. */
  #worth(slot: Occupants<M>): number {
    if (slot.some(({ ready }) => ready)) return SERVES;
    return this.#slots.has(slot[0].id) ? FAILS : BOOTS;
  }

  /** The slots of those that stay, by the age of their oldest worker. */
  #occupants(): Occupants<M>[] {
    const slots = new Map<number, Occupants<M>>();
    for (const member of this.staying()) {
      const occupants = slots.get(member.id);
      if (occupants) occupants.push(member);
      else slots.set(member.id, [member]);
    }
    for (const occupants of slots.values()) occupants.sort((a, b) => a.term - b.term);
    return [...slots.values()];
  }

  #notBefore(id: number): number | undefined {
    return this.#slots.get(id)?.notBefore;
  }
}
