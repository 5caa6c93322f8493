/** A place that is taken for no longer is free again before another acceptor would be of much help. Milliseconds. */
const MOMENT = 5;
/** One in which the event loop has waited for so long was no work for this CPU: another acceptor would have been of help, however short it was. Milliseconds. */
const IDLE = 1;
/** Each of these adds a point and each longer one takes some; with so many points the next is expected to be one. */
const POINTS = { most: 64, enough: 32, less: 8 } as const;

/** Whether a place that is taken now will be free in a moment, as far as the last ones tell. */
export class Moments {
  #points: number = POINTS.enough;
  #since = 0;
  /** How long the event loop had been idle when it was known that this one is not over within its turn; undefined as long as it is not. */
  #idle: number | undefined;
  readonly #wait: () => number;
  /** How long this thread had waited for a CPU at the last look. */
  #waited = 0;

  /** @param wait - for how long this thread has waited for a CPU, milliseconds so far. It is asked seldom. */
  constructor(wait: () => number) {
    this.#wait = wait;
  }

  get isExpected(): boolean {
    return this.#points >= POINTS.enough;
  }

  /** Whether the one that has begun is none. */
  isOver(now: number = performance.now()): boolean {
    return now - this.#since >= MOMENT;
  }

  begin(now: number = performance.now()): void {
    this.#since = now;
    this.#idle = undefined;
  }

  /** The one that has begun is not over within its turn of the event loop. */
  goesOn(): void {
    this.#idle ??= performance.nodeTiming.idleTime;
  }

  end(now: number = performance.now()): void {
    this.#points = this.#wasLong(now)
      ? Math.max(0, this.#points - POINTS.less)
      : Math.min(POINTS.most, this.#points + 1);
  }

  /** From now on the waits count that a long one may have had. */
  look(): void {
    this.#waited = this.#wait();
  }

  #wasLong(now: number): boolean {
    if (this.#idle !== undefined && performance.nodeTiming.idleTime - this.#idle >= IDLE) return true;
    if (!this.isOver(now)) return false;
    // Where CPUs are short, a short one takes long too, and to wake others would make them shorter still.
    const before = this.#waited;
    this.look();
    return this.isOver(now - (this.#waited - before));
  }
}
