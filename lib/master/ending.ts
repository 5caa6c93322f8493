import { type EndStage, isHarder } from './workers/end-stage.js';

/**
 * How far the stop of an Arbiter has come. A stop may be ordered more than once: a later order may make it harder,
 * never gentler.
 */
export class Ending {
  readonly #delay: number;
  #stage: EndStage | undefined;
  #drainAt: number | undefined;
  #closed = false;

  /**
   * @param delay - milliseconds between the order to drain and the drain itself, see {@link ArbiterOptions.drainDelay}.
   */
  constructor(delay: number) {
    this.#delay = delay;
  }

  /** The hardest stage that has been ordered. */
  get stage(): EndStage | undefined {
    return this.#stage;
  }

  /** When the drain begins, on the clock of `performance.now()`; undefined unless it is still to begin. */
  get drainAt(): number | undefined {
    return this.#drainAt;
  }

  /**
   * Takes an order to end. Returns whether it is harder than all orders before it; any other order changes nothing.
   *
   * @param now - the time on the clock of `performance.now()`. Undefined while the Arbiter is starting: no clients have
   * been served, so a drain begins at once.
   * @param least - the drain begins no earlier than this, milliseconds from now.
   */
  order(stage: EndStage, now: number | undefined, least = 0): boolean {
    if (!isHarder(stage, this.#stage)) return false;
    this.#stage = stage;
    const delay = Math.max(this.#delay, least);
    this.#drainAt = stage === 'drain' && now !== undefined && delay > 0 ? now + delay : undefined;
    return true;
  }

  /** Whether the drain is to begin now. True only once. */
  takeDrain(now: number): boolean {
    if (this.#drainAt === undefined || now < this.#drainAt) return false;
    this.#drainAt = undefined;
    return true;
  }

  /** Whether the site is to be closed now. True only once. */
  takeClose(): boolean {
    const first = !this.#closed;
    this.#closed = true;
    return first;
  }
}
