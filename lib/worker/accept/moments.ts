/** A place that is taken for no longer is free again before another acceptor could be woken. Milliseconds. */
const MOMENT = 2;
/** Each of these adds a point and each longer one takes some; with so many points the next is expected to be one. Where CPUs are short, also a short one may take long. */
const POINTS = { most: 64, enough: 32, less: 8 } as const;

/** Whether a place that is taken now will be free in a moment, as far as the last ones tell. */
export class Moments {
  #points: number;
  #since = 0;

  /** @param trusts - whether that is expected before any is known. */
  constructor(trusts: boolean) {
    this.#points = trusts ? POINTS.most : 0;
  }

  get isExpected(): boolean {
    return this.#points >= POINTS.enough;
  }

  begin(now: number = performance.now()): void {
    this.#since = now;
  }

  end(now: number = performance.now()): void {
    const isBrief = now - this.#since < MOMENT;
    this.#points = isBrief ? Math.min(POINTS.most, this.#points + 1) : Math.max(0, this.#points - POINTS.less);
  }
}
