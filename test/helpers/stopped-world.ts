import { Judge, pulseInterval, type Verdict } from '../../build/worker/vitals/judge.js';
import { OwnAbsence } from '../../build/worker/vitals/own-absence.js';
import { OwnJudge } from '../../build/worker/vitals/own-judge.js';
import { type Signs, STAGE, Vitals } from '../../build/worker/vitals/vitals.js';
import { Absence } from '../../build/worker/watchdog/absence.js';

export const LIMITS = { timeout: 1_000, bootTimeout: 0, watchdog: true, slowAfter: 0 };
/** The longest rest of a watchdog with these limits, and by how much a timer may be late. Milliseconds. */
export const REST: number = LIMITS.timeout / 4;
export const PUNCTUAL = 10;
/** How finely the world turns, milliseconds. */
export const QUANTUM = 5;

export interface Plan {
  /**
   * How long the handler calculates without a turn of the event loop, and how long it then waits. Without a slice, it
   * only waits. Milliseconds.
   */
  readonly slice: number;
  readonly pause: number;
  /** How much CPU time the watchdog needs until its first look, and when the request begins. Milliseconds. */
  readonly boot: number;
  readonly begins: number;
  readonly watches: boolean;
  /** The interval of the beats while there is no request, milliseconds. */
  readonly rest: number;
}

/**
 * What the kernel does for a while: whether it has stopped the process, and which of the two threads gets a CPU if it
 * wants one.
 */
export interface Step {
  readonly length: number;
  readonly stopped: boolean;
  readonly main: boolean;
  readonly watchdog: boolean;
}

/**
 * A process with a request that never ends, in a simulated time. Its main thread beats and judges itself; its watchdog
 * judges it too. They decide by the real code of the library. What they are told about the kernel is made up here,
 * counted as in proc(5).
 */
export class StoppedWorld {
  now = 1_000;
  verdict: (Verdict & { readonly by: 'main' | 'watchdog' }) | undefined;
  /** The time of the request in which its thread could run, or sleep by its own choice. Milliseconds. */
  used = 0;
  /**
   * How often the process was stopped since the request began; and for how long each of the two threads has wanted a
   * CPU in vain, at any time.
   */
  stops = 0;
  readonly starved = { main: 0, watchdog: 0 };
  readonly #plan: Plan;
  readonly #start = this.now;
  readonly #vitals = new Vitals();
  #interval = pulseInterval(LIMITS);
  readonly #own = { judge: new OwnJudge(LIMITS, this.now), absence: undefined as unknown as OwnAbsence };
  readonly #judge = new Judge(LIMITS, this.now);
  #absence: Absence | undefined;
  #beat = this.now;
  #request = 0;
  #boot: number;
  #lookAt = 0;
  /** How much CPU time is left until the event loop turns. */
  #slice = 0;
  #resumesAt = 0;
  #cpu = 0;
  #waited = 0;
  /** How long the main thread has waited for a CPU, in a wait that is not over. */
  #waits = 0;
  #idle = 0;
  #stopped = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#boot = plan.boot;
    const figures = { own: { cpu: 0, waited: 0 } };
    Object.defineProperty(figures, 'own', { get: () => ({ cpu: this.#cpu, waited: this.#waited }) });
    this.#own.absence = new OwnAbsence(figures, this.#interval, this.now, { idle: () => this.#idle });
    if (plan.watches) this.#vitals.watch(this.now);
  }

  step({ length, stopped, main, watchdog }: Step): void {
    if (stopped && !this.#stopped && this.#request > 0) this.stops++;
    this.#stopped = stopped;
    for (let left = length; left > 0 && !this.verdict; left -= QUANTUM) {
      this.now += QUANTUM;
      if (stopped) {
        if (this.#slice <= 0) this.#idle += QUANTUM;
        continue;
      }
      // Which thread runs first does not matter: the steps of the plan have both orders, since each may be kept
      // waiting.
      if (watchdog) this.#runWatchdog();
      else if (this.now >= this.#lookAt) this.starved.watchdog += QUANTUM;
      this.#runMain(main);
    }
  }

  get #signs(): Signs {
    const clocks = { extra: 0, patientUntil: 0 };
    return { stage: STAGE.SERVING, beat: this.#beat, interval: this.#interval, request: this.#request, ...clocks };
  }

  #runMain(hasCpu: boolean): void {
    const begins = this.#request === 0 && this.now >= this.#start + this.#plan.begins;
    const resumes = this.#request > 0 && this.#plan.slice > 0 && this.now >= this.#resumesAt;
    const isDue = begins || resumes || this.now >= this.#beat + this.#interval;
    if (this.#slice <= 0) this.#idle += QUANTUM;
    if (this.#slice <= 0 && !isDue) {
      if (this.#request > 0) this.used += QUANTUM;
      return;
    }
    if (!hasCpu) {
      this.#waits += QUANTUM;
      this.starved.main += QUANTUM;
      return;
    }
    this.#waited += this.#waits;
    this.#waits = 0;
    if (this.#request > 0) this.used += QUANTUM;
    if (this.#slice > 0) {
      this.#cpu += QUANTUM;
      this.#slice -= QUANTUM;
      if (this.#slice > 0) return;
      this.#resumesAt = this.now + this.#plan.pause;
    }
    if (begins) this.#request = this.now;
    if (this.now >= this.#beat + this.#interval) this.#judgeItself();
    if (this.#request > 0 && this.now >= this.#resumesAt) this.#slice = this.#plan.slice;
  }

  #judgeItself(): void {
    const still = this.now - this.#beat;
    this.#beat = this.now;
    const away = this.#own.absence.measure(this.now, this.#interval, false);
    this.#interval = this.#request > 0 ? pulseInterval(LIMITS) : this.#plan.rest;
    const verdict = this.#own.judge.look(this.now, this.#signs, away, still, this.#vitals);
    if (verdict) this.verdict = { ...verdict, by: 'main' };
  }

  #runWatchdog(): void {
    if (!this.#plan.watches || this.now < this.#lookAt) return;
    if (this.#boot > 0) {
      this.#boot -= QUANTUM;
      return;
    }
    this.#absence ??= new Absence({ read: () => this.#figures }, this.#start);
    const away = this.#absence.measure(this.now, this.#beat);
    const verdict = this.#judge.look(this.now, this.#signs, away);
    const isOver = typeof verdict !== 'number';
    this.#vitals.looked(this.now, this.#signs, isOver ? verdict.elapsed : undefined);
    if (isOver && !verdict.alive) {
      this.verdict = { ...verdict, by: 'watchdog' };
      return;
    }
    // The same rest as in the thread of the watchdog.
    const rest = Math.max(5, Math.ceil(isOver ? 20 : Math.min(REST, verdict)));
    this.#lookAt = this.now + rest;
    this.#absence.expect(this.#lookAt);
  }

  get #figures(): { cpu: number; waited: number; runnable: boolean } {
    return { cpu: this.#cpu, waited: this.#waited, runnable: this.#slice > 0 || this.#waits > 0 };
  }
}
