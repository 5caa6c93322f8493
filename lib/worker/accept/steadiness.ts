import type { LoopTime } from '../vitals/loop-time.js';
import { TIME } from './duty-limits.js';
import { MOMENT, type OwnFigures } from './moments.js';

/**
 * For each moment (5 ms) that the event loop stood still, `step` points are lost; each second brings as many back. With
 * fewer than `enough` points the loop is not steady. So a few standstills of five milliseconds have no effect, and one
 * of a hundred is forgotten after a quarter of a minute.
 */
const POINTS = { most: 64, enough: 32, least: -96, step: 8 } as const;

/** Milliseconds. The time is of any monotonic clock. */
export interface DutyClock extends Pick<LoopTime, 'now'> {
  /** The kernel's figures of this thread. */
  readonly figures: () => OwnFigures;
}

/**
 * Whether the event loop turns while the acceptor's word on the duty roster says that it listens. What keeps the loop
 * then is not a request that the word tells of. It is what the application does behind an answer, or a timer of the
 * application; or, in an acceptor with room for several, a request.
 */
export class Steadiness {
  readonly #clock: DutyClock;
  readonly #busy: () => number;
  #points: number = POINTS.most;
  #isLooking = false;

  /** @param busy - for how long in all there has been no room, by the same clock. */
  constructor(clock: DutyClock, busy: () => number) {
    this.#clock = clock;
    this.#busy = busy;
  }

  get holds(): boolean {
    return this.#points >= POINTS.enough;
  }

  /**
   * There has been something to do: sets a timer, unless one runs, and calls `onKept` if the timer comes late because
   * something in this thread has kept the event loop.
   */
  look(onKept: () => void): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { now, figures } = this.#clock;
    const [begun, { waited }, busy] = [now(), figures(), this.#busy()];
    setTimeout(() => {
      this.#isLooking = false;
      const away = figures().waited - waited;
      const kept = now() - begun - TIME.STEADY - away - (this.#busy() - busy);
      // Where others had the CPU for longer than that, one more acceptor that listens would serve nobody sooner.
      if (kept < MOMENT || kept < away) return;
      this.#points = Math.max(POINTS.least, this.#points - POINTS.step * Math.floor(kept / MOMENT));
      onKept();
    }, TIME.STEADY).unref();
  }

  /** It is not steady until it has shown that it is: most of the others that serve are not. */
  doubt(): void {
    this.#points = Math.min(this.#points, POINTS.enough - 1);
  }

  /** A second has gone by: standstills are forgotten step by step. */
  forget(): void {
    this.#points = Math.min(POINTS.most, this.#points + POINTS.step);
  }
}
