import type { Clock } from '../../protocol/messages.js';
import type { ClockLimits } from '../../protocol/spec.js';
import { type Signs, STAGE } from './vitals.js';

/** A clock that has run out. */
export interface Verdict {
  readonly clock: Clock;
  /** How many milliseconds have passed in which the thread could run; extra time that it was given is included. */
  readonly elapsed: number;
  /** Whether its event loop turns: then the thread ends by itself. */
  readonly alive: boolean;
}

/** How many beats may be missing before an event loop is taken to stand still. */
const MISSING_BEATS = 4;

/** The longest interval between two beats, and that of a thread without a request. Milliseconds. */
const LONGEST = 50;
const LONGEST_AT_REST = 500;
/** By how much a beat may be late, milliseconds: one that has not come by then shows that the event loop is kept. */
export const GRACE = 20;
/** An event loop that turns has a beat within this time, unless it may rest. Milliseconds. */
export const SILENCE: number = LONGEST + GRACE;

/**
 * The interval of the beats by which a thread shows that its event loop turns, milliseconds. A clock may run over by as
 * much.
 */
export function pulseInterval({ timeout }: Pick<ClockLimits, 'timeout'>): number {
  return timeout === 0 ? LONGEST : Math.min(LONGEST, Math.max(5, timeout / 10));
}

/**
 * The same while no request is in flight; the clock of the event loop may then run over by as much. A worker that has nothing to do is to wake up seldom, and for a request that
 * begins meanwhile the beats are close together long before its time is over. Who looks for slow requests wants to know
 * at once whether the event loop turns.
 */
export function restInterval({ timeout, slowAfter }: Pick<ClockLimits, 'timeout' | 'slowAfter'>): number {
  const beats = pulseInterval({ timeout });
  return slowAfter > 0 ? beats : Math.max(beats, Math.min(LONGEST_AT_REST, timeout / 20));
}

/**
 * Says when a clock of a thread has run out: for its boot, its request or its event loop. Pure: it is told the time,
 * the signs of life, and for how long in all the thread has been kept from running, which is not counted against any
 * clock.
 */
export class Judge {
  readonly #limits: ClockLimits;
  readonly #interval: number;
  readonly #spawnedAt: number;
  readonly #marks = { beat: { at: -1, away: 0 }, request: { at: 0, away: 0 } };
  /**
   * How long the thread had been away in all at the previous look. Any absence after that may have hit what began since
   * then.
   */
  #awayBefore = 0;

  constructor(limits: ClockLimits, spawnedAt: number) {
    this.#limits = limits;
    this.#interval = pulseInterval(limits);
    this.#spawnedAt = spawnedAt;
  }

  /**
   * @param away - for how many milliseconds in all the thread has been kept from running.
   * @returns a verdict, or in how many milliseconds the next one is possible.
   */
  look(now: number, signs: Signs, away: number): Verdict | number {
    const { timeout, bootTimeout } = this.#limits;
    const sinceBeat = this.#used(this.#marks.beat, signs.beat, now, away);
    const sinceRequest = this.#used(this.#marks.request, signs.request, now, away);
    this.#awayBefore = away;
    // Since the beat that is missing was due.
    const silence = sinceBeat - signs.interval;
    const alive = silence < (MISSING_BEATS - 1) * this.#interval;
    if (signs.stage === STAGE.ENDING) return Number.POSITIVE_INFINITY;
    const clocks: [clock: Clock, elapsed: number, limit: number, counted?: number][] = [];
    if (signs.stage === STAGE.BOOTING) {
      clocks.push(['boot', now - this.#spawnedAt - away, bootTimeout]);
    } else {
      // With a request in flight, the request's clock also covers a loop that stands still.
      if (signs.request > 0) clocks.push(['request', sinceRequest, timeout && timeout + signs.extra]);
      if (signs.request === 0) clocks.push(['loop', silence, timeout, Math.min(silence, now - signs.patientUntil)]);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const [clock, elapsed, limit, counted = elapsed] of clocks) {
      if (limit === 0) continue;
      if (counted >= limit) return { clock, elapsed, alive };
      next = Math.min(next, limit - counted);
    }
    return next;
  }

  /**
   * How many milliseconds the thread could run since the time `at`, at which something began. `mark` belongs to that.
   */
  #used(mark: { at: number; away: number }, at: number, now: number, away: number): number {
    if (mark.at !== at) {
      mark.at = at;
      // Of the absence since the previous look, no more can have come after `at` than time has passed since `at`.
      mark.away = Math.max(this.#awayBefore, away - Math.max(0, now - at));
    }
    return now - at - (away - mark.away);
  }
}
