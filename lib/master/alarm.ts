/** One wake-up at a time, on the clock of `performance.now()`. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Replaces what was set before; undefined is no time at all. */
  set(time: number | undefined): void {
    clearTimeout(this.#timer);
    if (time === undefined) return;
    // Not unreferenced: it may be all that is left of a service whose workers all wait.
    this.#timer = setTimeout(this.#ring, Math.max(1, time - performance.now()));
  }
}
