import { monotonic } from '../../monotonic.js';
import type { ClockLimits } from '../../protocol/spec.js';
import { ownThread, ThreadFigures } from '../../system/thread-figures.js';
import { pulseInterval, type Verdict } from './judge.js';
import { OwnAbsence } from './own-absence.js';
import { OwnJudge } from './own-judge.js';
import { STAGE, Vitals } from './vitals.js';

/** A beat that comes so much later than it should is told of. Milliseconds. */
const LATE = 50;

/**
 * The clocks of a thread that serves, as far as it can see to them itself: it beats, so that whoever watches it knows that its event loop
 * turns, and at each beat it looks whether its request, or its boot, has had its time.
 */
export class Pulse {
  readonly vitals: Vitals;
  readonly limits: ClockLimits;
  readonly #judge: OwnJudge;
  readonly #absence: OwnAbsence;
  readonly #timer: NodeJS.Timeout;
  #onOverdue: (verdict: Verdict) => void = () => undefined;
  #onLate: ((duration: number) => void) | undefined;
  #beatAt = monotonic();
  #away = 0;

  /** @param memory - where the signs of life are kept, if somebody watches already. */
  constructor(limits: ClockLimits, spawnedAt: number, memory?: SharedArrayBuffer) {
    this.limits = limits;
    this.vitals = new Vitals(memory);
    this.#judge = new OwnJudge(limits, spawnedAt);
    this.vitals.systemThread = ownThread();
    this.#absence = new OwnAbsence(ThreadFigures.of(this.vitals.systemThread), pulseInterval(limits), this.#beatAt);
    this.vitals.beat();
    this.#timer = setInterval(() => this.#beat(), pulseInterval(limits)).unref();
  }

  /** Who is told, once, that the time is over. */
  onOverdue(act: (verdict: Verdict) => void): void {
    this.#onOverdue = act;
  }

  /** Who is told, each time, that the event loop has stood still for so many milliseconds. */
  onLate(act: (duration: number) => void): void {
    this.#onLate = act;
  }

  /** For how long this thread has been kept from running, milliseconds so far. */
  get away(): number {
    return this.#away;
  }

  /** From now on the clocks of serving hold, not that of the boot. */
  serve(): void {
    this.#measure(monotonic());
    // While the application was loaded, the event loop may have stood still for longer than `timeout`.
    this.vitals.beat();
    this.vitals.setStage(STAGE.SERVING);
    // Nobody asks any more whether its event loop turns.
    const { timeout, slowAfter } = this.limits;
    if (timeout === 0 && slowAfter === 0 && this.#onLate === undefined) clearInterval(this.#timer);
  }

  /** It ends by itself now, within a limit that others keep. */
  stop(): void {
    this.vitals.setStage(STAGE.ENDING);
    clearInterval(this.#timer);
  }

  /**
   * The request in flight, and the event loop, get so many milliseconds more.
   *
   * @returns until when the event loop may stand still.
   */
  extend(duration: number): number {
    const until = Math.max(this.vitals.read().patientUntil, monotonic() + duration);
    this.vitals.extend(duration, until);
    return until;
  }

  #beat(): void {
    this.vitals.beat();
    const now = monotonic();
    const still = now - this.#beatAt;
    if (still > LATE + pulseInterval(this.limits)) this.#onLate?.(still);
    this.#beatAt = now;
    const signs = this.vitals.read();
    const verdict = this.#judge.look(now, signs, this.#measure(now), still, this.vitals);
    if (verdict === undefined) return;
    this.stop();
    this.#onOverdue(verdict);
  }

  #measure(now: number): number {
    this.#away = this.#absence.measure(now, this.vitals.read().stage === STAGE.BOOTING);
    return this.#away;
  }
}
