import type { Clock } from '../../protocol/messages.js';
import type { ClockLimits } from '../../protocol/spec.js';
import { type Signs, STAGE } from './vitals.js';

/** A clock that has run out. */
export interface Verdict {
  readonly clock: Clock;
  /** Milliseconds that the thread could have used, of which all have passed, also those that it had been given. */
  readonly elapsed: number;
  /** Whether its event loop turns: then it ends by itself. */
  readonly alive: boolean;
}

/** So many beats may be missing before a loop is taken to stand still. */
const MISSING_BEATS = 4;

/** Between two beats at most. Milliseconds. */
const LONGEST = 50;
/** An event loop that turns has had a beat within that time. Milliseconds. */
export const SILENCE: number = LONGEST + 20;

/** How often a watched thread says that its event loop turns, milliseconds: a clock may run over by so much. */
export function pulseInterval({ timeout }: Pick<ClockLimits, 'timeout'>): number {
  return timeout === 0 ? LONGEST : Math.min(LONGEST, Math.max(5, timeout / 10));
}

/**
 * Says when a thread has had its time. Pure: it is told the time, the signs of life, and for how long altogether the thread
 * has been kept from running; that time belongs to nobody's request.
 */
export class Judge {
  readonly #limits: ClockLimits;
  readonly #interval: number;
  readonly #spawnedAt: number;
  readonly #marks = { beat: { at: -1, away: 0 }, request: { at: 0, away: 0 } };
  /** How long it had been away at the look before: what began since then may have been hit by all that came after. */
  #awayBefore = 0;

  constructor(limits: ClockLimits, spawnedAt: number) {
    this.#limits = limits;
    this.#interval = pulseInterval(limits);
    this.#spawnedAt = spawnedAt;
  }

  /**
   * @param away - milliseconds so far that it was kept from running.
   * @returns a verdict, or in how many milliseconds the next one is possible.
   */
  look(now: number, signs: Signs, away: number): Verdict | number {
    const { timeout, bootTimeout } = this.#limits;
    const sinceBeat = this.#used(this.#marks.beat, signs.beat, now, away);
    const sinceRequest = this.#used(this.#marks.request, signs.request, now, away);
    this.#awayBefore = away;
    const alive = sinceBeat < MISSING_BEATS * this.#interval;
    if (signs.stage === STAGE.ENDING) return Number.POSITIVE_INFINITY;
    const clocks: [clock: Clock, elapsed: number, limit: number, counted?: number][] = [];
    if (signs.stage === STAGE.BOOTING) {
      clocks.push(['boot', now - this.#spawnedAt - away, bootTimeout]);
    } else {
      // With a request in flight, its own clock sees a loop that stands still too.
      if (signs.request > 0) clocks.push(['request', sinceRequest, timeout && timeout + signs.extra]);
      // The beat that is missing was due an interval after the last one.
      const silence = sinceBeat - this.#interval;
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

  /** How much time it has had since something. */
  #used(mark: { at: number; away: number }, at: number, now: number, away: number): number {
    if (mark.at !== at) {
      mark.at = at;
      // No more of it can have hit what began since then than has passed.
      mark.away = Math.max(this.#awayBefore, away - Math.max(0, now - at));
    }
    return now - at - (away - mark.away);
  }
}
