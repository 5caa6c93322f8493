/** The longest delay that a timer of Node keeps, milliseconds, 24.8 days. One that is longer fires at once. */
export const LONGEST_DELAY: number = 2 ** 31 - 1;

/** A delay as timers take it: each limit of the options is one, a sum of two may be none. */
export function asDelay(milliseconds: number): number {
  return Math.min(LONGEST_DELAY, Math.max(0, milliseconds));
}
