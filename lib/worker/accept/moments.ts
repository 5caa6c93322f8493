/** A place that is taken for no longer is free again before another acceptor would be of much help. Milliseconds. */
const MOMENT = 5;
/** Each of these adds a point and each longer one takes some; with so many points the next is expected to be one. Where CPUs are short, also a short one may take long. */
const POINTS = { most: 64, enough: 32, less: 8 } as const;

/** Whether a place that is taken now will be free in a moment, as far as the last ones tell. */
export class Moments {
  #points: number = POINTS.enough;
  #since = 0;

  get isExpected(): boolean {
    return this.#points >= POINTS.enough;
  }

  /** Whether the one that has begun is none. */
  isOver(now: number = performance.now()): boolean {
    return now - this.#since >= MOMENT;
  }

  begin(now: number = performance.now()): void {
    this.#since = now;
  }

  end(now: number = performance.now()): void {
    this.#points = this.isOver(now) ? Math.max(0, this.#points - POINTS.less) : Math.min(POINTS.most, this.#points + 1);
  }
}
