import type { Figures } from '../../system/thread-figures.js';

/** A place that is taken for no longer is free again before another acceptor would be of much help. Milliseconds. */
export const MOMENT = 5;
/** To look how long one waits for a CPU takes a system call or two: so many are looked at behind one that has taken long. */
const WATCHED = 64;
/** Each of these adds a point and each longer one takes some; with so many points the next is expected to be one. Where CPUs are short, also a short one may take long. */
const POINTS = { most: 64, enough: 32, less: 8 } as const;

/** So many first ones have the CPU for up to so long, milliseconds, because their code is not compiled yet, and say nothing of those that follow. */
export const COLD = { count: 32, time: 15 } as const;

/** What a thread knows of itself. */
export type OwnFigures = Pick<Figures, 'cpu' | 'waited'>;

/** Whether a place that is taken now will be free in a moment, as far as the last ones tell. */
export class Moments {
  #points: number = POINTS.enough - 1;
  /** The same without the time for which the CPU was others', and less by as many moments as a longer one has taken. */
  #shorts: number = POINTS.enough;
  #since = 0;
  #count = 0;
  readonly #figures: () => OwnFigures;
  /** Of so many more it is looked how long they wait for a CPU; and the figures when this one began, undefined where nobody has looked. */
  #watched = WATCHED;
  #before: OwnFigures | undefined;

  /** @param figures - those of this thread. They are asked for seldom. */
  constructor(figures: () => OwnFigures) {
    this.#figures = figures;
  }

  get isExpected(): boolean {
    return this.#points >= POINTS.enough;
  }

  /** Whether what it has done lately was short, apart from the time for which others had the CPU. */
  get areShort(): boolean {
    return this.#shorts >= POINTS.enough;
  }

  /** Whether the one that has begun is none. */
  isOver(now: number): boolean {
    return now - this.#since >= MOMENT;
  }

  /** @param counts - whether anybody wants to know what it waits for a CPU, which takes a system call. */
  begin(now: number, counts: boolean): void {
    this.#since = now;
    this.#count++;
    const isWatched = counts && this.#watched > 0;
    this.#before = isWatched ? this.#figures() : undefined;
    if (isWatched) this.#watched--;
  }

  end(now: number): void {
    if (!this.isOver(now)) {
      this.#points = Math.min(POINTS.most, this.#points + 1);
      this.#shorts = Math.min(POINTS.most, this.#shorts + 1);
      return;
    }
    this.#points = Math.max(0, this.#points - POINTS.less);
    const before = this.#before;
    const after = before && this.#figures();
    const work = now - this.#since - (after ? after.waited - before.waited : 0);
    // Where the system tells nothing, all of it may be.
    const cpu = after && after.cpu > 0 ? after.cpu - before.cpu : work;
    const isCold = this.#count <= COLD.count && work <= COLD.time && work - cpu < MOMENT;
    const moments = isCold ? 0 : Math.floor(work / MOMENT);
    this.#shorts =
      moments > 0 ? Math.max(0, this.#shorts - POINTS.less * moments) : Math.min(POINTS.most, this.#shorts + 1);
    this.#watched = WATCHED;
  }

  /** Has done nothing for a while: what was long is forgotten. */
  forget(): void {
    this.#shorts = Math.min(POINTS.most, this.#shorts + POINTS.less);
  }
}
