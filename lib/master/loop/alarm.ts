import { asDelay } from '../../delay.js';

/** One wake-up at a time, on the clock of `performance.now()`. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Sets the earliest of these times instead of what was set before; undefined is no time at all. */
  set(...times: readonly (number | undefined)[]): void {
    clearTimeout(this.#timer);
    const time = Math.min(...times.filter((time) => time !== undefined));
    if (time === Number.POSITIVE_INFINITY) return;
    // Not unreferenced: it may be all that is left of a service whose workers all wait.
    this.#timer = setTimeout(this.#ring, asDelay(Math.max(1, time - performance.now())));
  }
}
