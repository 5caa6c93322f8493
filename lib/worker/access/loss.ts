/*
 * Lost lines are counted, and reported to the operator: by the thread that has lost them, or by the one that finds the
 * memory of a thread that is gone.
 */
import type { Lines } from './lines.js';

/** As for any warning: at most one a minute. The next report has the count of all lines lost since. Milliseconds. */
export const QUIET = 60_000;

/** Reports to the operator. Undefined as long as that is not possible. */
let tell: ((message: string) => void) | undefined;
let told = Number.NEGATIVE_INFINITY;

/** Sets the function that reports, for this thread. */
export function onLoss(teller: (message: string) => void): void {
  tell = teller;
}

/**
 * Reports how many of these lines were lost since the last report.
 *
 * @param quiet - skips the report if another one was made less than so many milliseconds ago. By default it is made at
 * once, since no later one follows for these lines.
 */
export function tellLost(lines: Lines, quiet = 0): void {
  const { lost, why } = lines;
  const now = performance.now();
  if (lost === 0 || tell === undefined || now - told < quiet) return;
  told = now;
  lines.lost = 0;
  const which = lost === 1 ? ['a line', 'is'] : [`${lost} lines`, 'are'];
  tell(`${which[0]} of the access log could not be written, and ${which[1]} lost: ${why}`);
}
