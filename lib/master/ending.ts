import { type EndStage, isHarder } from './workers/end-stage.js';

/** How far an Arbiter is with its end: it is ordered once or more often, may hurry up, and never slows down. */
export class Ending {
  readonly #delay: number;
  #stage: EndStage | undefined;
  #drainAt: number | undefined;
  #closed = false;

  /** @param delay - milliseconds from the order to drain to the drain, see {@link ArbiterOptions.drainDelay}. */
  constructor(delay: number) {
    this.#delay = delay;
  }

  /** What has been ordered. */
  get stage(): EndStage | undefined {
    return this.#stage;
  }

  /** When the drain begins; undefined unless it is still to begin. */
  get drainAt(): number | undefined {
    return this.#drainAt;
  }

  /**
   * An order to end. Returns whether it is a new one, so harder than what was ordered before.
   *
   * @param now - when clients have been served until now, on the clock of `performance.now()`.
   * @param least - the drain begins no earlier, milliseconds from now.
   */
  order(stage: EndStage, now: number | undefined, least = 0): boolean {
    if (!isHarder(stage, this.#stage)) return false;
    this.#stage = stage;
    const delay = Math.max(this.#delay, least);
    this.#drainAt = stage === 'drain' && now !== undefined && delay > 0 ? now + delay : undefined;
    return true;
  }

  /** Whether the drain is to begin now; it is said once. */
  drains(now: number): boolean {
    if (this.#drainAt === undefined || now < this.#drainAt) return false;
    this.#drainAt = undefined;
    return true;
  }

  /** Whether all is to be undone now; it is said once. */
  closes(): boolean {
    const first = !this.#closed;
    this.#closed = true;
    return first;
  }
}
