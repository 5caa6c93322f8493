import type { SlotRoom } from '../../scoreboard/scoreboard.js';
import type { Saturation } from '../scoreboard/stats.js';

/** The length of the windows in which saturation is measured. Milliseconds. */
export const WINDOW = 100;
/** How many windows are remembered: five minutes. */
const WINDOWS = 3_000;
/**
 * A free acceptor writes at least once a second. One that has not written for this long stands still, or is gone.
 * Milliseconds.
 */
const STALE = 2_000;
const SPANS = { second: 10, minute: 600, fiveMinutes: WINDOWS } as const;

/** What an acceptor said at a look. `key` distinguishes it from all others that ever were. */
export interface Look {
  readonly key: string;
  /** Undefined where it accepts nothing, or could not be read. */
  readonly room: SlotRoom | undefined;
}

/**
 * Measures for which share of the time no place was free anywhere.
 *
 * Each acceptor adds up for how long it was free, so nothing is missed between two looks. The result for a window is
 * the product of the shares in which each acceptor was busy. It is exact where acceptors were busy, or free, for the
 * whole window, which is so with requests that take longer than a window. Otherwise, it is the value for requests that
 * are independent of each other.
 */
export class SaturationWatch {
  #seen = new Map<string, { readonly free: number; readonly at: number }>();
  readonly #windows = new Float32Array(WINDOWS);
  #next = 0;
  #count = 0;
  #last: number | undefined;

  /** @param now - milliseconds of `monotonic()`. Without any ready acceptor, no place is free. */
  look(now: number, looks: readonly Look[]): void {
    const before = this.#seen;
    const seen: typeof before = new Map();
    let full = 1;
    let known = looks.length === 0;
    for (const { key, room } of looks) {
      const last = before.get(key);
      if (room === undefined) {
        if (last) seen.set(key, last);
        continue;
      }
      // If the acceptor had room at its last write, it has been free since then: a request that begins is written
      // within two milliseconds.
      const free = room.free + (room.open ? Math.min(STALE, Math.max(0, now - room.at)) : 0);
      seen.set(key, { free, at: now });
      if (last === undefined || now <= last.at) continue;
      known = true;
      full *= 1 - Math.min(1, Math.max(0, (free - last.free) / (now - last.at)));
    }
    this.#seen = seen;
    // If the master was kept from looking, each window that it missed gets the mean of all that time.
    const windows = this.#last === undefined ? 0 : Math.max(1, Math.round((now - this.#last) / WINDOW));
    this.#last = now;
    if (known) for (let index = 0; index < Math.min(windows, WINDOWS); index++) this.#add(full);
  }

  /** Forgets all that was measured. */
  clear(): void {
    this.#seen = new Map();
    this.#next = 0;
    this.#count = 0;
    this.#last = undefined;
  }

  get shares(): Saturation {
    const { second, minute, fiveMinutes } = SPANS;
    return { second: this.#mean(second), minute: this.#mean(minute), fiveMinutes: this.#mean(fiveMinutes) };
  }

  #add(full: number): void {
    this.#windows[this.#next] = full;
    this.#next = (this.#next + 1) % WINDOWS;
    this.#count = Math.min(WINDOWS, this.#count + 1);
  }

  #mean(span: number): number | undefined {
    const length = Math.min(span, this.#count);
    if (length === 0) return undefined;
    let sum = 0;
    for (let back = 1; back <= length; back++) sum += this.#windows[(this.#next - back + WINDOWS) % WINDOWS] as number;
    return sum / length;
  }
}
