import { TIME } from './duty-limits.js';
import { MOMENT, type OwnFigures } from './moments.js';

/**
 * Each moment for which the event loop stood still takes so many points, and each second brings as many back; so some of five milliseconds are forgotten at once, and one of a hundred after a quarter of a
 * minute. With fewer than enough it is not steady.
 */
const POINTS = { most: 64, enough: 32, least: -96, step: 8 } as const;

/** Milliseconds. */
export interface DutyClock {
  /** Of whatever clock goes on. */
  readonly now: () => number;
  /** Those of this thread. */
  readonly figures: () => OwnFigures;
}

/**
 * Whether the event loop turns while the word says that its acceptor listens. What keeps it then is no request that has a place: what the application does behind an answer, a timer of it; or, with room
 * for several, a request.
 */
export class Steadiness {
  readonly #clock: DutyClock;
  readonly #busy: () => number;
  #points: number = POINTS.most;
  #isLooking = false;

  /** @param busy - for how long the word has said so far that there is no room, of the same clock. */
  constructor(clock: DutyClock, busy: () => number) {
    this.#clock = clock;
    this.#busy = busy;
  }

  get holds(): boolean {
    return this.#points >= POINTS.enough;
  }

  /** There is something to do: looks in a while, once, whether the loop has turned, and calls `onKept` where it has not. */
  look(onKept: () => void): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { now, figures } = this.#clock;
    const [begun, { waited }, busy] = [now(), figures(), this.#busy()];
    setTimeout(() => {
      this.#isLooking = false;
      const away = figures().waited - waited;
      const kept = now() - begun - TIME.STEADY - away - (this.#busy() - busy);
      // Where others had the CPU for longer, one more that listens would serve nobody sooner.
      if (kept < MOMENT || kept < away) return;
      this.#points = Math.max(POINTS.least, this.#points - POINTS.step * Math.floor(kept / MOMENT));
      onKept();
    }, TIME.STEADY).unref();
  }

  /** It has done nothing yet, and those that do the same are not steady. */
  doubt(): void {
    this.#points = Math.min(this.#points, POINTS.enough - 1);
  }

  /** A second has gone by. */
  forget(): void {
    this.#points = Math.min(POINTS.most, this.#points + POINTS.step);
  }
}
