/** The longest delay of a timer in Node, milliseconds: 24.8 days. A timer with a longer delay fires at once. */
export const LONGEST_DELAY: number = 2 ** 31 - 1;

/** Clamps a delay to what timers accept. Each limit in the options is a valid delay; a sum of two may not be. */
export function asDelay(milliseconds: number): number {
  return Math.min(LONGEST_DELAY, Math.max(0, milliseconds));
}
