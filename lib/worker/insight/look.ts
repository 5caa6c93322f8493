/* How a thread is looked at, by whoever can hold it: what is asked, and what is found. */

/** What was seen of a thread by having it stand still for a moment. */
export interface Glimpse {
  /** Absent where it did not stop in time, which means that it is in native code, or where it waits. */
  readonly stack?: string;
  /** It has nothing to do: it was met in its event loop, or that has turned meanwhile. */
  readonly waits?: boolean;
  /** For so many milliseconds it stood still; 0 where it did not. */
  readonly paused: number;
  /** Why nobody looked: it cannot be done, or somebody else has it in his hands, who ends it. */
  readonly blind?: 'impossible' | 'taken';
}

/** Why a thread is looked at. */
export interface Looking {
  /** Asked right before it is to stand still; until then it goes on, and what was to be seen may be over. */
  wanted(): boolean;
  /** Called while it stands still (`held`), or when it is given up that it will; for each time, of which the last one counts. */
  seen(held: boolean): void;
}

/** Has the watched thread stand still for a moment, and go on. */
export type Look = (looking: Looking) => Promise<Glimpse>;
