import { asDelay } from '../../delay.js';

/** One wake-up at a time, on the clock of `performance.now()`. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /**
   * Sets the alarm to the earliest of these times, instead of what was set before. Those that are undefined do not
   * count; without any time there is no alarm.
   */
  set(...times: readonly (number | undefined)[]): void {
    clearTimeout(this.#timer);
    const time = Math.min(...times.filter((time) => time !== undefined));
    if (time === Number.POSITIVE_INFINITY) return;
    // Not unref()'d: where all slots wait for their workers, this timer may be all that keeps the process alive.
    this.#timer = setTimeout(this.#ring, asDelay(Math.max(1, time - performance.now())));
  }
}
