import type { SlotRoom } from '../../scoreboard/scoreboard.js';
import type { Saturation } from '../scoreboard/stats.js';

/** How much time is looked at at once. Milliseconds. */
export const WINDOW = 100;
/** So many of these are remembered: five minutes. */
const WINDOWS = 3_000;
/** An acceptor that is free writes at least once a second; one that has not for so long stands still, or is gone. Milliseconds. */
const STALE = 2_000;
const SPANS = { second: 10, minute: 600, fiveMinutes: WINDOWS } as const;

/** What an acceptor said at a look; `key` tells it from all others that ever were. */
export interface Look {
  readonly key: string;
  /** Undefined where it accepts nothing, or could not be read. */
  readonly room: SlotRoom | undefined;
}

/**
 * For which share of the time no place was free anywhere.
 *
 * Each acceptor adds up for how long it was free, so nothing is missed between two looks. What they say together of a tenth of a second is the product of the
 * shares in which each was busy: exact where some were busy, or free, all that time, which is how it is with requests that take longer; else
 * it is what comes of requests that know nothing of each other.
 */
export class SaturationWatch {
  #seen = new Map<string, { readonly free: number; readonly at: number }>();
  readonly #windows = new Float32Array(WINDOWS);
  #next = 0;
  #count = 0;
  #last: number | undefined;

  /** @param now - of `monotonic()`. Without any ready acceptor, no place is free. */
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
      // Where nothing was under way it has gone on being free: what begins is written within two milliseconds.
      const free = room.free + (room.open ? Math.min(STALE, Math.max(0, now - room.at)) : 0);
      seen.set(key, { free, at: now });
      if (last === undefined || now <= last.at) continue;
      known = true;
      full *= 1 - Math.min(1, Math.max(0, (free - last.free) / (now - last.at)));
    }
    this.#seen = seen;
    // A master that has been kept from looking knows the mean of all that time.
    const windows = this.#last === undefined ? 0 : Math.max(1, Math.round((now - this.#last) / WINDOW));
    this.#last = now;
    if (known) for (let index = 0; index < Math.min(windows, WINDOWS); index++) this.#add(full);
  }

  /** Nothing is known any more. */
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
