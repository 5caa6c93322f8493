/*
 * Two histograms in a slot of the scoreboard: how long requests took, and how long they had waited before. They are part of the header, so one write
 * stores them with the counters, and a slot that is torn has neither.
 *
 * A count has 32 bits there, since each byte of a write costs something on the way of a request. One that overflows, after four thousand million
 * requests, has its upper bits behind the request, and from then on the whole slot is written; the number of overflows stands at both
 * places, so that one half of such a write is known for what it is.
 */

/** Up to how many milliseconds each count goes, and a last one has the rest: from what a short handler takes to what `timeout` allows. */
export const BOUNDS: readonly number[] = [
  ...[0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000],
];
const COUNTS = BOUNDS.length + 1;
const ALL = 2 * COUNTS;
/** Bytes: counts, sums, number of overflows. */
const SUMS = ALL * 4;
const OVERFLOWS = SUMS + 16;
/** Behind the upper halves, which have 16 bits. */
const OVERFLOWS_END = ALL * 2;
/** Bytes of the part behind the request. */
export const TIMES_TAIL: number = OVERFLOWS_END + 4;
const OVERFLOW = 2 ** 32;

/** How often something took how long. */
export interface Times {
  /** One more than there are {@link BOUNDS}; each without those before it. */
  readonly counts: readonly number[];
  /** Whole microseconds: those of several add up to the same in whatever order, so that the sum never falls by what has been rounded. */
  readonly sum: number;
}

export const NO_TIMES: Times = { counts: new Array(COUNTS).fill(0), sum: 0 };

export function addTimes(one: Times, other: Times): Times {
  return { counts: one.counts.map((count, index) => count + (other.counts[index] ?? 0)), sum: one.sum + other.sum };
}

/** Both histograms, as one has them on the scoreboard. */
export interface BothTimes {
  readonly requestTime: Times;
  readonly waitTime: Times;
}

/** The worker's side. To add a time is a few steps in memory of its own. */
export class TimesImage {
  readonly #counts: Uint32Array;
  readonly #sums: Float64Array;
  readonly #overflows: Uint32Array;
  readonly #upper: Uint16Array;
  readonly #overflowsEnd: Uint32Array;

  /**
   * @param offset - of the part in the header.
   * @param tail - of the part behind the request.
   */
  constructor(memory: ArrayBuffer | SharedArrayBuffer, offset: number, tail: number) {
    this.#counts = new Uint32Array(memory, offset, ALL);
    this.#sums = new Float64Array(memory, offset + SUMS, 2);
    this.#overflows = new Uint32Array(memory, offset + OVERFLOWS, 1);
    this.#upper = new Uint16Array(memory, tail, ALL);
    this.#overflowsEnd = new Uint32Array(memory, tail + OVERFLOWS_END, 1);
  }

  /** Whether there is something behind the request. */
  get overflows(): boolean {
    return this.#overflows[0] !== 0;
  }

  /** A request has come to its end, after so many milliseconds. */
  addRequest(duration: number): void {
    this.#add(0, duration);
  }

  /** One begins, and has waited for so many milliseconds. */
  addWait(duration: number): void {
    this.#add(1, duration);
  }

  /** Goes on from there. */
  restore({ requestTime, waitTime }: BothTimes): void {
    for (const [which, { counts, sum }] of [requestTime, waitTime].entries()) {
      this.#sums[which] = sum;
      for (const [index, count] of counts.entries()) {
        this.#counts[which * COUNTS + index] = count;
        const upper = Math.floor(count / OVERFLOW);
        if (this.#upper[which * COUNTS + index] === upper) continue;
        this.#upper[which * COUNTS + index] = upper;
        this.#overflow();
      }
    }
  }

  #add(which: 0 | 1, duration: number): void {
    let index = 0;
    while (index < BOUNDS.length && duration > (BOUNDS[index] as number)) index++;
    const at = which * COUNTS + index;
    const count = (this.#counts[at] as number) + 1;
    this.#counts[at] = count;
    if (count === OVERFLOW) {
      (this.#upper[at] as number)++;
      this.#overflow();
    }
    (this.#sums[which] as number) += Math.round(duration * 1_000);
  }

  #overflow(): void {
    (this.#overflows[0] as number)++;
    this.#overflowsEnd[0] = this.#overflows[0] as number;
  }
}

/** The master's side: undefined for what is torn. */
export function readTimes(bytes: Uint8Array, offset: number, tail: number, little: boolean): BothTimes | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const overflows = view.getUint32(offset + OVERFLOWS, little);
  if (overflows !== view.getUint32(tail + OVERFLOWS_END, little)) return undefined;
  const read = (which: 0 | 1): Times => ({
    counts: Array.from({ length: COUNTS }, (_, index) => {
      const at = which * COUNTS + index;
      const lower = view.getUint32(offset + at * 4, little);
      return overflows === 0 ? lower : lower + view.getUint16(tail + at * 2, little) * OVERFLOW;
    }),
    sum: view.getFloat64(offset + SUMS + which * 8, little),
  });
  return { requestTime: read(0), waitTime: read(1) };
}
