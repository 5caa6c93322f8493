import type { Figures } from '../../system/thread-figures.js';

/**
 * A moment: a place that is taken for less is free again before another acceptor would be of much help. Milliseconds.
 */
export const MOMENT = 5;
/**
 * A request that waits for something, as for a database, for so long is no moment: others could have been served on
 * the CPU meanwhile. Milliseconds.
 */
export const LULL = 2;
/**
 * To read how long a request waits for a CPU takes a system call or two. So it is done only for so many requests, at
 * the start and after each one that took longer than a moment, or in which the event loop was idle for a lull.
 */
const WATCHED = 64;
/**
 * Figures that were read so long ago serve for a request that begins. What the thread waited for a CPU since then is
 * taken off its time too, so one that waits for little more than a lull may pass for a moment. Milliseconds.
 */
const FRESH = 2;
/**
 * Each moment adds a point, up to `most`; each request that takes longer costs `less` points. With `enough` points the
 * next request is expected to be a moment. After many moments, a few longer ones do not change that: where CPUs are
 * short, a short request may take long too.
 */
const POINTS = { most: 64, enough: 32, less: 8 } as const;

/**
 * The first `count` requests may have the CPU for up to `time` milliseconds because their code is not compiled yet:
 * that says nothing about those that follow.
 */
export const COLD = { count: 32, time: 15 } as const;

/** What the kernel tells a thread about itself. */
export type OwnFigures = Pick<Figures, 'cpu' | 'waited'>;

/** Predicts from the last requests whether a place that is taken now will be free again in a moment. */
export class Moments {
  /** A point too few at the start: a first load that comes all at once must find all the acceptors that it needs. */
  #points: number = POINTS.enough - 1;
  /**
   * Such points too, but without the time for which others had the CPU; and a longer request costs `less` points for
   * each moment that it took.
   */
  #shorts: number = POINTS.enough;
  #since = 0;
  #count = 0;
  readonly #figures: () => OwnFigures;
  /** For how many more requests the wait for a CPU is read. */
  #watched = WATCHED;
  /** The figures when this request began, or up to {@link FRESH} earlier, and when that was; undefined if not read. */
  #before: OwnFigures | undefined;
  #read = 0;

  /** @param figures - reads those of this thread. It is called seldom. */
  constructor(figures: () => OwnFigures) {
    this.#figures = figures;
  }

  /** Whether the next request is expected to be a moment. */
  get isExpected(): boolean {
    return this.#points >= POINTS.enough;
  }

  /** Whether what was done lately was short, apart from the time for which others had the CPU. */
  get areShort(): boolean {
    return this.#shorts >= POINTS.enough;
  }

  /** Whether the request that has begun has taken longer than a moment. */
  isOver(now: number): boolean {
    return now - this.#since >= MOMENT;
  }

  /** @param counts - whether anybody wants to know how long it waits for a CPU, which takes a system call. */
  begin(now: number, counts: boolean): void {
    this.#since = now;
    this.#count++;
    const isWatched = counts && this.#watched > 0;
    if (isWatched) this.#watched--;
    if (isWatched && this.#before && now - this.#read < FRESH) return;
    this.#before = isWatched ? this.#figures() : undefined;
    this.#read = now;
  }

  /** @param idle - for how long the event loop has had nothing to do meanwhile, milliseconds. */
  end(now: number, idle = 0): void {
    const isOver = this.isOver(now);
    if (!isOver && idle < LULL) {
      this.#add();
      return;
    }
    this.#watched = WATCHED;
    const before = this.#before;
    const after = before && this.#figures();
    this.#before = after;
    this.#read = now;
    const away = after ? after.waited - before.waited : 0;
    // An event loop that has something to do, and no CPU, counts as idle. So without the figures nothing is known.
    const isLull = after !== undefined && after.cpu > 0 && idle - away >= LULL;
    if (!isOver && !isLull) {
      this.#add();
      return;
    }
    this.#points = Math.max(0, this.#points - POINTS.less);
    const work = now - this.#since - away;
    // Where the system tells nothing, all of the work may have been spent on a CPU.
    const cpu = after && after.cpu > 0 ? after.cpu - before.cpu : work;
    const isCold = this.#count <= COLD.count && work <= COLD.time && work - cpu < MOMENT;
    const moments = Math.max(isLull ? 1 : 0, isCold ? 0 : Math.floor(work / MOMENT));
    this.#shorts =
      moments > 0 ? Math.max(0, this.#shorts - POINTS.less * moments) : Math.min(POINTS.most, this.#shorts + 1);
  }

  #add(): void {
    this.#points = Math.min(POINTS.most, this.#points + 1);
    this.#shorts = Math.min(POINTS.most, this.#shorts + 1);
  }

  /** A second has gone by: long work is forgotten step by step. */
  forget(): void {
    this.#shorts = Math.min(POINTS.most, this.#shorts + POINTS.less);
  }
}
