import type { ClockLimits } from '../../protocol/spec.js';
import { Judge, pulseInterval, type Verdict } from './judge.js';
import type { Signs, Vitals } from './vitals.js';

/**
 * A watcher rests for half a second at most, and may then have to wait for a CPU. One that has not looked for so many
 * milliseconds is taken to be gone.
 */
const LONGEST = 2_000;

/**
 * Judges the thread that it runs in: says when its time is over, and only once the watcher (another thread, see
 * `watchdog/` and `threads/`) has found the same. A thread that was stopped cannot tell that from code that blocked,
 * and may be the first to judge when the process goes on. So it waits until the watcher, which knows of the stop, has
 * judged the same request. Where nobody watches, its own judgement is all there is. Pure, like {@link Judge}.
 *
 * The watcher may never look again. How long it is waited for is counted by the beats of this thread, each of which
 * counts as one interval at most. So a stop in between, which hit both threads, does not make the watcher late.
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
   * @param still - milliseconds since the previous beat.
   * @param away - see {@link Judge.look}.
   * @param watcher - what the watcher has written.
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
