import type { ThreadFigures } from '../../system/thread-figures.js';
import { LOOP_TIME, type LoopTime } from './loop-time.js';

/** A timer is hardly ever this late unless something kept the thread from running. Milliseconds. */
const PUNCTUAL = 10;

/**
 * For how long a thread has been kept from running, as far as it can find out itself, beat by beat. The kernel counts
 * its waits for a CPU. Nobody counts the time for which the process, or its whole container, was stopped: the thread
 * only sees that a beat came late.
 *
 * A beat is also late after code that blocks, and that time does count against the thread. So only idle time is taken
 * as absence: that for which the event loop waited beyond the due beat, which it never does by itself. While the
 * application boots, no clients wait, and all time that was not spent on a CPU is taken: a boot that blocks for too
 * long is ended by those who watch from outside.
 */
export class OwnAbsence {
  readonly #figures: Pick<ThreadFigures, 'own'>;
  readonly #time: Pick<LoopTime, 'idle'>;
  readonly #shortest: number;
  #at: number;
  #cpu: number;
  #waited: number;
  #idle: number;
  #total = 0;

  /** @param shortest - interval of the beats, milliseconds. */
  constructor(
    figures: Pick<ThreadFigures, 'own'>,
    shortest: number,
    now: number,
    time: Pick<LoopTime, 'idle'> = LOOP_TIME,
  ) {
    this.#figures = figures;
    this.#time = time;
    this.#shortest = shortest;
    this.#at = now;
    const { cpu, waited } = figures.own;
    this.#cpu = cpu;
    this.#waited = waited;
    this.#idle = this.#time.idle();
    // What a new thread waited before this moment belongs to its boot, so it counts as absence.
    this.#total = waited;
  }

  /**
   * To be called at each beat, which was due `interval` milliseconds after the one before. Returns for how many
   * milliseconds in all the thread has been kept from running.
   */
  measure(now: number, interval: number, boots: boolean): number {
    const { cpu, waited } = this.#figures.own;
    const idle = this.#time.idle();
    const passed = now - this.#at;
    let away = waited - this.#waited;
    if (passed > interval + PUNCTUAL) {
      // Where the kernel does not report CPU time, it is not known how much was spent: idle time is taken here too.
      const unused = boots && cpu > 0 ? passed - (cpu - this.#cpu) : idle - this.#idle;
      // When the stop began is not known. It may have been long before a beat that was due after a rest.
      away = Math.max(away, unused - this.#shortest);
    }
    this.#at = now;
    this.#cpu = cpu;
    this.#waited = waited;
    this.#idle = idle;
    this.#total += Math.max(0, away);
    return this.#total;
  }
}
