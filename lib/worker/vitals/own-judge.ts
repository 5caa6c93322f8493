import type { ClockLimits } from '../../protocol/spec.js';
import { Judge, pulseInterval, type Verdict } from './judge.js';
import type { Signs, Vitals } from './vitals.js';

/** Whoever watches rests for half a second at most, and may have to wait for a CPU. One that has not looked in so many milliseconds is not there. */
const LONGEST = 2_000;

/**
 * Says of the thread that it runs in when the time is over: when whoever watches has found the same. A thread whose code was stopped cannot tell that
 * from code that blocks, and may be the first to judge when the process goes on. So it waits until the other one has judged the same request, and
 * knows of the stop; where nobody watches, what it has found itself is all there is. Pure, as {@link Judge}.
 *
 * Whoever watches may never look again. How long it is waited for is counted by the beats of the thread, each of which counts as an interval at most:
 * so a stop in between, which hit both of them, does not make it late.
 */
export class OwnJudge {
  readonly #judge: Judge;
  readonly #interval: number;
  #lookedAt = 0;
  #unheard = 0;

  constructor(limits: ClockLimits, spawnedAt: number) {
    this.#judge = new Judge(limits, spawnedAt);
    this.#interval = pulseInterval(limits);
  }

  /**
   * To be called at each beat.
   *
   * @param still - milliseconds since the beat before.
   * @param away - see {@link Judge.look}.
   * @param watcher - what the one that watches has written.
   */
  look(
    now: number,
    signs: Signs,
    away: number,
    still: number,
    watcher: Pick<Vitals, 'lookedAt' | 'found'>,
  ): Verdict | undefined {
    const verdict = this.#judge.look(now, signs, away);
    const { lookedAt } = watcher;
    this.#unheard = lookedAt === this.#lookedAt ? this.#unheard + Math.min(still, this.#interval) : 0;
    this.#lookedAt = lookedAt;
    if (typeof verdict === 'number') return undefined;
    const found = watcher.found(signs);
    if (found !== undefined) return { ...verdict, elapsed: Math.min(verdict.elapsed, found) };
    return lookedAt === 0 || this.#unheard > LONGEST ? verdict : undefined;
  }
}
