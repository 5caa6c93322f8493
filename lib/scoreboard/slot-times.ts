/*
 * Two histograms in a slot of the scoreboard: how long requests took, and how long they had waited before. They are
 * part of the header, so one write stores them with the counters, and a reader that sees a torn write takes neither.
 *
 * A count has 32 bits in the header, since each byte of a write costs time in every request. If a count overflows,
 * after four thousand million requests, its upper bits are stored behind the request, and from then on every write
 * stores the whole slot. The number of overflows is stored in both places, so that a reader recognizes a torn write.
 */

/**
 * The upper bounds of the counts, milliseconds, from a short handler to the default `timeout`. One more count has
 * everything above.
 */
export const BOUNDS: readonly number[] = [
  ...[0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000],
];
const COUNTS = BOUNDS.length + 1;
const ALL = 2 * COUNTS;
/** Offsets in bytes within the part in the header: counts, then sums, then the number of overflows. */
const SUMS = ALL * 4;
const OVERFLOWS = SUMS + 16;
/** Offset in bytes within the part behind the request: the upper halves, 16 bits each, come before it. */
const OVERFLOWS_END = ALL * 2;
/** Size in bytes of the part behind the request. */
export const TIMES_TAIL: number = OVERFLOWS_END + 4;
const OVERFLOW = 2 ** 32;

/** A histogram of durations. */
export interface Times {
  /** One count more than there are {@link BOUNDS}. They are not cumulative. */
  readonly counts: readonly number[];
  /**
   * The sum of all durations, in whole microseconds. Integers add up to the same total in any order, so rounding never
   * lets the sum fall.
   */
  readonly sum: number;
}

export const NO_TIMES: Times = { counts: new Array(COUNTS).fill(0), sum: 0 };

export function addTimes(one: Times, other: Times): Times {
  return { counts: one.counts.map((count, index) => count + (other.counts[index] ?? 0)), sum: one.sum + other.sum };
}

/** Both histograms of a slot. */
export interface BothTimes {
  readonly requestTime: Times;
  readonly waitTime: Times;
}

/** The worker's side. Adding a time is a few steps in the worker's own memory. */
export class TimesImage {
  readonly #counts: Uint32Array;
  readonly #sums: Float64Array;
  readonly #overflows: Uint32Array;
  readonly #upper: Uint16Array;
  readonly #overflowsEnd: Uint32Array;

  /**
   * @param offset - where the part in the header begins.
   * @param tail - where the part behind the request begins.
   */
  constructor(memory: ArrayBuffer | SharedArrayBuffer, offset: number, tail: number) {
    this.#counts = new Uint32Array(memory, offset, ALL);
    this.#sums = new Float64Array(memory, offset + SUMS, 2);
    this.#overflows = new Uint32Array(memory, offset + OVERFLOWS, 1);
    this.#upper = new Uint16Array(memory, tail, ALL);
    this.#overflowsEnd = new Uint32Array(memory, tail + OVERFLOWS_END, 1);
  }

  /** Whether a count has overflowed, so that there are upper halves behind the request. */
  get overflows(): boolean {
    return this.#overflows[0] !== 0;
  }

  /** Counts a request that has ended after so many milliseconds. */
  addRequest(duration: number): void {
    this.#add(0, duration);
  }

  /** Counts a request that begins after it has waited for so many milliseconds. */
  addWait(duration: number): void {
    this.#add(1, duration);
  }

  /** Takes over earlier counts, and goes on from there. */
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

/** The master's side. Returns undefined for a torn write. */
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
