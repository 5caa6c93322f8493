import { monotonic } from '../../monotonic.js';
import type { ClockLimits } from '../../protocol.js';
import { ownThread, ThreadFigures } from '../../system/thread-figures.js';
import { Judge, pulseInterval, type Verdict } from './judge.js';
import { OwnAbsence } from './own-absence.js';
import { STAGE, Vitals } from './vitals.js';

/** A beat that comes so much later than it should is told of. Milliseconds. */
const LATE = 50;
/**
 * After one, whoever watches has so long to say whether the whole process was stopped. It may have to wait for a CPU itself: one that has not looked
 * since gets the longer time. Milliseconds.
 */
const DOUBT = { least: 100, longest: 2_000 } as const;

/**
 * The clocks of a thread that serves, as far as it can see to them itself: it beats, so that whoever watches it knows that its event loop
 * turns, and at each beat it looks whether its request, or its boot, has had its time.
 */
export class Pulse {
  readonly vitals: Vitals;
  readonly limits: ClockLimits;
  readonly #judge: Judge;
  /** It is told what whoever watches this thread has counted. Both must find the same. */
  readonly #second: Judge;
  readonly #absence: OwnAbsence;
  readonly #timer: NodeJS.Timeout;
  #onOverdue: (verdict: Verdict) => void = () => undefined;
  #onLate: ((duration: number) => void) | undefined;
  #beatAt = monotonic();
  #away = 0;
  #doubtedAt = Number.NEGATIVE_INFINITY;

  /** @param memory - where the signs of life are kept, if somebody watches already. */
  constructor(limits: ClockLimits, spawnedAt: number, memory?: SharedArrayBuffer) {
    this.limits = limits;
    this.vitals = new Vitals(memory);
    this.#judge = new Judge(limits, spawnedAt);
    this.#second = new Judge(limits, spawnedAt);
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
    if (this.limits.timeout === 0 && this.#onLate === undefined) clearInterval(this.#timer);
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
    const verdicts = [
      this.#judge.look(now, signs, this.#measure(now)),
      this.#second.look(now, signs, this.vitals.away),
    ];
    if (still > LATE + pulseInterval(this.limits) && now > this.#doubtedAt + 2 * DOUBT.least) this.#doubtedAt = now;
    if (this.#isDoubtful(now) || !verdicts.every((verdict) => typeof verdict === 'object')) return;
    this.stop();
    this.#onOverdue(verdicts.reduce((one, other) => (one.elapsed < other.elapsed ? one : other)));
  }

  #isDoubtful(now: number): boolean {
    const passed = now - this.#doubtedAt;
    const { lookedAt } = this.vitals;
    return passed < DOUBT.least || (passed < DOUBT.longest && lookedAt > 0 && lookedAt < this.#doubtedAt);
  }

  #measure(now: number): number {
    this.#away = this.#absence.measure(now, this.vitals.read().stage === STAGE.BOOTING);
    return this.#away;
  }
}
