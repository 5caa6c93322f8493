import { monotonic } from '../../monotonic.js';
import type { ClockLimits } from '../../protocol/spec.js';
import { ownThread, ThreadFigures } from '../../system/thread-figures.js';
import { pulseInterval, restInterval, type Verdict } from './judge.js';
import { OwnAbsence } from './own-absence.js';
import { OwnJudge } from './own-judge.js';
import { STAGE, Vitals } from './vitals.js';

/** This file is loaded before the application, which may replace the timers. */
const { setTimeout, clearTimeout } = globalThis;

/** A beat that comes later than it should by more than this is reported. Milliseconds. */
const LATE = 50;

/**
 * The clocks of a thread that serves, as far as it can look after them itself. It beats, so that a watcher knows that
 * its event loop turns. At each beat it looks whether its request, or its boot, has had its time. Without a request
 * there are fewer beats.
 */
export class Pulse {
  readonly vitals: Vitals;
  readonly limits: ClockLimits;
  readonly #judge: OwnJudge;
  readonly #absence: OwnAbsence;
  #timer: NodeJS.Timeout;
  /** How long after the last beat the next one is due, milliseconds. */
  #interval: number;
  #onOverdue: (verdict: Verdict) => void = () => undefined;
  #onLate: ((duration: number) => void) | undefined;
  #beatAt = monotonic();
  #away = 0;

  /** @param memory - where the signs of life are kept, if a watcher has it already. */
  constructor(limits: ClockLimits, spawnedAt: number, memory?: SharedArrayBuffer) {
    this.limits = limits;
    this.vitals = new Vitals(memory);
    this.#judge = new OwnJudge(limits, spawnedAt);
    this.vitals.systemThread = ownThread();
    this.#interval = pulseInterval(limits);
    this.#absence = new OwnAbsence(ThreadFigures.of(this.vitals.systemThread), this.#interval, this.#beatAt);
    this.vitals.beat(this.#interval);
    this.#timer = this.#next();
  }

  /** Sets what is called, once, when the time is over. */
  onOverdue(act: (verdict: Verdict) => void): void {
    this.#onOverdue = act;
  }

  /**
   * Sets what is called each time the event loop has stood still, with the milliseconds. From now on there are beats,
   * and none is rare.
   */
  onLate(act: (duration: number) => void): void {
    this.#onLate = act;
    if (this.vitals.read().stage === STAGE.ENDING) return;
    clearTimeout(this.#timer);
    const now = monotonic();
    this.#measure(now);
    this.#beatAt = now;
    this.#interval = pulseInterval(this.limits);
    this.vitals.beat(this.#interval);
    this.#timer = this.#next();
  }

  /** For how long in all this thread has been kept from running, milliseconds. */
  get away(): number {
    return this.#away;
  }

  /** The boot is over: from now on the clocks of serving hold. */
  serve(): void {
    this.#measure(monotonic());
    // While the application was loaded, the event loop may have stood still for longer than `timeout`.
    this.vitals.beat(this.#interval);
    this.vitals.setStage(STAGE.SERVING);
    // With none of these, nobody needs the beats any more.
    const { timeout, slowAfter } = this.limits;
    if (timeout === 0 && slowAfter === 0 && this.#onLate === undefined) clearTimeout(this.#timer);
  }

  /** The thread ends by itself from now on, within a time limit that others keep. */
  stop(): void {
    this.vitals.setStage(STAGE.ENDING);
    clearTimeout(this.#timer);
  }

  /**
   * The request in flight, and the event loop, get `duration` milliseconds more.
   *
   * @returns until when the event loop may stand still.
   */
  extend(duration: number): number {
    const until = Math.max(this.vitals.read().patientUntil, monotonic() + duration);
    this.vitals.extend(duration, until);
    return until;
  }

  #beat(): void {
    const { stage, request } = this.vitals.read();
    const isAtRest = stage === STAGE.SERVING && request === 0 && this.#onLate === undefined;
    const next = isAtRest ? restInterval(this.limits) : pulseInterval(this.limits);
    this.vitals.beat(next);
    const now = monotonic();
    const still = now - this.#beatAt;
    if (still > LATE + this.#interval) this.#onLate?.(still);
    this.#beatAt = now;
    const away = this.#measure(now);
    this.#interval = next;
    this.#timer = this.#next();
    const verdict = this.#judge.look(now, this.vitals.read(), away, still, this.vitals);
    if (verdict === undefined) return;
    this.stop();
    this.#onOverdue(verdict);
  }

  #next(): NodeJS.Timeout {
    return setTimeout(() => this.#beat(), this.#interval).unref();
  }

  #measure(now: number): number {
    this.#away = this.#absence.measure(now, this.#interval, this.vitals.read().stage === STAGE.BOOTING);
    return this.#away;
  }
}
