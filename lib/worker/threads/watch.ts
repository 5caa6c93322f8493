import { setTimeout as delay } from 'node:timers/promises';
import { monotonic } from '../../monotonic.js';
import type { ClockLimits } from '../../protocol/spec.js';
import { ThreadFigures } from '../../system/thread-figures.js';
import { Judge, type Verdict } from '../vitals/judge.js';
import { STAGE, Vitals } from '../vitals/vitals.js';
import { Absence } from '../watchdog/absence.js';
import type { TimeLimit } from '../watchdog/trace.js';

/**
 * The longest time between two looks at a thread. The shorter it is, the less time is excused by mistake when the
 * thread was kept from running. Milliseconds.
 */
const LONGEST_REST = 500;
/** How long a thread may take to end by itself; it limits itself to a second. Milliseconds. */
const ENDING_LIMIT = 1_500;
/** The figures of a thread that has not told its system number yet. */
const UNKNOWN = { read: () => ({ cpu: 0, waited: 0, runnable: false }) };
/** Between two looks while a thread is given some time. Milliseconds. */
const STEP = 20;

/**
 * What is wrong with a thread: one of its clocks has run out while its event loop stands still, or it began to end by
 * itself and has not ended (`lingers`).
 */
export type Finding = Verdict | 'lingers';

/** Watches one thread from the main thread of its process. Its timers do not keep the process alive. */
export class ThreadWatch {
  readonly vitals: Vitals;
  readonly #limits: ClockLimits;
  readonly #judge: Judge;
  readonly #act: (finding: Finding) => void;
  #timer: NodeJS.Timeout;
  #figures: ThreadFigures | undefined;
  #absence = new Absence(UNKNOWN, monotonic());
  /** Whether the thread's own waits for a CPU count already, and how long it had been kept from running before that. */
  #counts = false;
  #awayBefore = 0;
  #endingSince: number | undefined;

  /** @param act - called once. After {@link ThreadWatch.resume}, it may be called once more. */
  constructor(vitals: SharedArrayBuffer, limits: ClockLimits, spawnedAt: number, act: (finding: Finding) => void) {
    this.vitals = new Vitals(vitals);
    this.#limits = limits;
    this.#judge = new Judge(limits, spawnedAt);
    this.#act = act;
    this.vitals.watch(monotonic());
    this.#timer = this.#lookIn(LONGEST_REST);
  }

  /** Goes on watching: the thread has recovered. */
  resume(): void {
    this.#timer = this.#lookIn(STEP);
  }

  /** The thread has ended. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#figures?.close();
    this.#figures = undefined;
  }

  /** Resolves when the thread has had so much time that it could use, or when the limit of all time is over. */
  async had({ used, all }: TimeLimit): Promise<void> {
    const start = monotonic();
    const before = this.#away(start);
    for (let now = start, away = 0; now - start - away < used && now - start < all; ) {
      this.#absence.expect(now + STEP);
      await delay(STEP, undefined, { ref: false });
      now = monotonic();
      away = this.#away(now) - before;
    }
  }

  /**
   * Whether the thread still exists in the system; true if that cannot be found out. A thread that has not told its
   * number yet runs no code of the application, and counts as ended on Linux.
   */
  get lives(): boolean {
    const { systemThread } = this.vitals;
    if (systemThread > 0) this.#figures ??= ThreadFigures.of(systemThread);
    return (systemThread > 0 || process.platform !== 'linux') && this.#figures?.ended !== true;
  }

  #look(): void {
    const now = monotonic();
    const signs = this.vitals.read();
    const away = this.#away(now, signs.beat);
    let rest = LONGEST_REST;
    if (signs.stage === STAGE.ENDING) {
      this.#endingSince ??= now - away;
      rest = this.#endingSince + ENDING_LIMIT - (now - away);
      if (rest <= 0) {
        this.#act('lingers');
        return;
      }
    } else {
      const verdict = this.#judge.look(now, signs, away);
      this.vitals.looked(now, signs, typeof verdict === 'number' ? undefined : verdict.elapsed);
      if (typeof verdict === 'number') rest = Math.min(verdict, this.#limits.timeout / 4 || LONGEST_REST);
      // If its event loop turns, the thread ends by itself, one beat later.
      else if (verdict.alive) rest = STEP;
      else {
        this.#act(verdict);
        return;
      }
    }
    this.#timer = this.#lookIn(Math.min(LONGEST_REST, Math.max(5, Math.ceil(rest))));
  }

  #lookIn(pause: number): NodeJS.Timeout {
    this.#absence.expect(monotonic() + pause);
    return setTimeout(() => this.#look(), pause).unref();
  }

  #away(now: number, turnedAt?: number): number {
    const away = this.#awayBefore + this.#absence.measure(now, turnedAt);
    // While the thread boots, only the main thread's waits for a CPU count. The master, too, knows only those: with a
    // longer allowance here, its verdict on the boot would come first.
    if (this.#counts || this.vitals.systemThread <= 0 || this.vitals.read().stage === STAGE.BOOTING) return away;
    this.#counts = true;
    this.#figures ??= ThreadFigures.of(this.vitals.systemThread);
    this.#awayBefore = away;
    this.#absence = new Absence(this.#figures, now);
    return away;
  }
}
