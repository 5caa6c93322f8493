import { backoffDelay, countFailure, type FailureCount, type FailureKind, STABLE_AFTER } from '../../backoff.js';

/** What the roster needs to know of a worker. */
export interface Member {
  /** The stable slot, 1..n. */
  readonly id: number;
  /** Counts all workers ever spawned; a lower one is older. */
  readonly age: number;
  /** In a slot, a worker of a later term takes over from one of an earlier term, whatever their ages. */
  readonly term: number;
  /** It was told to end, and no longer counts towards the target. */
  readonly leaving: boolean;
  readonly ready: boolean;
  /** When it became ready, on the clock of `now`. */
  readonly readySince: number | undefined;
  /**
   * When it is proven, so that it may take the place of another worker of its slot, on the clock of `now`; undefined
   * before it is ready.
   */
  readonly provenAt: number | undefined;
  /** The worker has asked to be recycled, or it is `unwanted`. */
  readonly due: boolean;
  /** A caller of `restart()` wants another worker in its place, and waits for that. */
  readonly unwanted: boolean;
}

/**
 * A slot that has lost this many workers in a row fails again and again. One death is an accident, and the worker is
 * replaced at once.
 */
export const FAILS_FROM = 2;

/** What has to happen for the roster to hold the target. */
export interface Plan<M extends Member> {
  /** Slots that are to get a worker now. */
  readonly spawn: readonly number[];
  /** Workers that are too many: first those of slots that do not serve, then the oldest. */
  readonly retire: readonly M[];
  /** Workers whose substitute is proven. */
  readonly relieve: readonly Relief<M>[];
  /**
   * When the next slot's wait or the next substitute's probation is over; undefined if there is none. It is now if more
   * workers are missing than may be spawned at once.
   */
  readonly wakeAt: number | undefined;
}

/** A worker, and the substitute in its slot that takes its place. */
export interface Relief<M extends Member> {
  readonly worker: M;
  readonly by: M;
}

/** The workers of one slot that stay: its worker, and perhaps substitutes, by term and age. */
type Occupants<M> = [worker: M, ...substitutes: M[]];

/** A slot whose worker has died, and that has had no stable one since. */
export interface Failing {
  readonly id: number;
  /** Deaths in a row. */
  readonly failures: number;
  /** How long it stays without another worker, milliseconds; 0 when it has got one, or gets one now. */
  readonly wait: number;
}

interface FailingSlot {
  readonly count: FailureCount;
  readonly failedAt: number;
  /** The term of the worker that failed. */
  readonly term: number;
  readonly notBefore: number;
}

/* What a slot is worth when there are too many: those of the least worth are given up first. */
const FAILS = 0;
const BOOTS = 1;
const SERVES = 2;

/**
 * Which workers live, which should, and which slots wait. No I/O, no clock.
 *
 * A slot has one worker that stays, or two while its worker is recycled or reloaded. The one of the later term is the
 * substitute; within a term, the younger one. So it is never noted down which worker replaces which: whichever of the
 * two dies, the other one has the slot.
 */
export class Roster<M extends Member> {
  /** All living workers, by age. */
  readonly #members = new Map<number, M>();
  /** The slots that have lost a worker and have had no stable one since. */
  readonly #failing = new Map<number, FailingSlot>();

  get size(): number {
    return this.#members.size;
  }

  /** All living workers, also those that leave, oldest first. */
  all(): M[] {
    return [...this.#members.values()].sort((a, b) => a.age - b.age);
  }

  /** The workers that count towards the target, oldest first. */
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

  /**
   * Counts a worker's death against its slot and returns the wait that follows; `served` as in {@link countFailure}.
   */
  fail(
    { id, term }: Pick<M, 'id' | 'term'>,
    kind: FailureKind,
    served: number,
    now: number,
    chance: number,
  ): { delay: number; failures: number } {
    const count = countFailure(this.#failing.get(id)?.count, kind, served);
    const delay = backoffDelay(count, chance);
    this.#failing.set(id, { count, failedAt: now, term, notBefore: now + delay });
    return { delay, failures: count.failures };
  }

  /** How often in a row the workers of a slot have died. */
  deaths(id: number): number {
    return this.#failing.get(id)?.count.failures ?? 0;
  }

  /**
   * Forgets the failures of each slot that has a stable worker again. Returns when to look again.
   *
   * A worker that was ready before the last failure does not count, since it is its substitutes that fail. It does
   * count if it is of a later term than the worker that failed, or if it is not due, so that it gets no more
   * substitutes.
   */
  settle(now: number): number | undefined {
    let wakeAt: number | undefined;
    for (const { id, term, readySince, due } of this.staying()) {
      const slot = this.#failing.get(id);
      if (!slot || readySince === undefined) continue;
      const wasBefore = readySince < slot.failedAt && term <= slot.term;
      if (wasBefore && due) continue;
      const stableAt = (wasBefore ? slot.failedAt : readySince) + STABLE_AFTER;
      if (stableAt <= now) this.#failing.delete(id);
      else wakeAt = Math.min(wakeAt ?? stableAt, stableAt);
    }
    return wakeAt;
  }

  /**
   * The slots in use, and as many free ones as the target asks for, each with its workers that stay; lowest number
   * first.
   */
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

  /** The slots that fail, of those in {@link Roster.posts}. */
  failing(target: number, now: number): Failing[] {
    const wanted = new Set(this.posts(target).map(({ id }) => id));
    const failing: Failing[] = [];
    for (const [id, { count, notBefore }] of this.#failing) {
      if (wanted.has(id)) failing.push({ id, failures: count.failures, wait: Math.max(0, notBefore - now) });
    }
    return failing.sort((a, b) => a.id - b.id);
  }

  /** Another worker in the slot of this one, if there is one that stays and for which `counts` is true. */
  partner({ id, age }: M, counts: (other: M) => boolean = () => true): M | undefined {
    return this.staying().find((other) => other.id === id && other.age !== age && counts(other));
  }

  /**
   * Compares the workers with the target, and says what is to be done:
   *
   * A substitute that is proven relieves its worker. If there are too many slots, the surplus is given up: first slots
   * that fail, then slots that boot, youngest first, as it is the furthest from being ready. So no worker that serves
   * goes while a slot is kept that would still have to boot. Then the oldest worker goes first, as in Gunicorn. A
   * worker's substitute goes with it.
   *
   * Free slots, lowest number first, get workers, except those whose wait is not over. At most `most` workers are
   * spawned now, and the next ones when it is asked again.
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
   * Which slot gets a substitute: that of the oldest worker that is due. There is none unless exactly as many workers
   * live as should, and all of them are ready. So two workers are never recycled at once, nor one while anything else
   * changes.
   *
   * Slots that fail again and again may do so for ever. If they are all that is missing, a worker that is `unwanted`
   * gets a substitute all the same: a caller waits for the outcome, and the worker serves on if its substitute fails
   * too.
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

  /** What this slot is worth. */
  #worth(slot: Occupants<M>): number {
    if (slot.some(({ ready }) => ready)) return SERVES;
    return this.#failing.has(slot[0].id) ? FAILS : BOOTS;
  }

  /** The slots in use, by the age of their oldest worker that stays. */
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
    return this.#failing.get(id)?.notBefore;
  }
}
