/* A look at a thread, by the thread that can pause it: what is asked, and what is found. */

/** What was seen of a thread by pausing it for a moment. */
export interface Glimpse {
  /**
   * The call stack. Absent if the thread did not pause in time, which means that it is in native code, or if it
   * waits.
   */
  readonly stack?: string;
  /** The thread has nothing to do: it was paused in its event loop, or that has turned meanwhile. */
  readonly waits?: boolean;
  /** For how many milliseconds the thread was paused; 0 if it was not. */
  readonly paused: number;
  /** Why there was no look: the thread cannot be paused, or it is already held by code that will end it. */
  readonly blind?: 'impossible' | 'taken';
}

/** The callbacks of a look. */
export interface Looking {
  /** Asked right before the pause is ordered: until then the thread runs, and what was to be seen may be over. */
  wanted(): boolean;
  /**
   * Called while the thread is paused (`held`), or when the wait for the pause is given up. A look may pause the thread
   * more than once; the last call counts.
   */
  seen(held: boolean): void;
}

/** Pauses the watched thread for a moment, then lets it go on. */
export type Look = (looking: Looking) => Promise<Glimpse>;
