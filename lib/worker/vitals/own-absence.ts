import type { ThreadFigures } from '../../system/thread-figures.js';
import { LOOP_TIME, type LoopTime } from './loop-time.js';

/** A timer is hardly ever that late where nothing kept the thread from running. Milliseconds. */
const PUNCTUAL = 10;

/**
 * For how long a thread has been kept from running, as far as it can find out itself, beat by beat. The kernel counts its waits for a CPU,
 * and nobody the time in which the process was stopped, or its whole container: of that, the thread sees that a beat came late.
 *
 * Late is also one behind code that blocks, whose time counts. So only what lies between is taken: what the event loop waited beyond the beat that
 * was due, which it never does by itself. While the application boots, with no clients that wait, it is all that was not spent on a CPU: what
 * blocks there for too long is ended by those who watch from outside.
 */
export class OwnAbsence {
  readonly #figures: Pick<ThreadFigures, 'own'>;
  readonly #time: Pick<LoopTime, 'idle'>;
  readonly #interval: number;
  #at: number;
  #cpu: number;
  #waited: number;
  #idle: number;
  #total = 0;

  /** @param interval - of the beats, milliseconds. */
  constructor(
    figures: Pick<ThreadFigures, 'own'>,
    interval: number,
    now: number,
    time: Pick<LoopTime, 'idle'> = LOOP_TIME,
  ) {
    this.#figures = figures;
    this.#time = time;
    this.#interval = interval;
    this.#at = now;
    const { cpu, waited } = figures.own;
    this.#cpu = cpu;
    this.#waited = waited;
    this.#idle = this.#time.idle();
    // Of a thread that has just begun, what it waited before is part of its boot.
    this.#total = waited;
  }

  /** To be called at each beat. Returns the milliseconds so far. */
  measure(now: number, boots: boolean): number {
    const { cpu, waited } = this.#figures.own;
    const idle = this.#time.idle();
    const passed = now - this.#at;
    let away = waited - this.#waited;
    if (passed > this.#interval + PUNCTUAL) {
      // Where the kernel does not tell, none of it is known to be spent.
      const unused = boots && cpu > 0 ? passed - (cpu - this.#cpu) : idle - this.#idle;
      away = Math.max(away, unused - this.#interval);
    }
    this.#at = now;
    this.#cpu = cpu;
    this.#waited = waited;
    this.#idle = idle;
    this.#total += Math.max(0, away);
    return this.#total;
  }
}
