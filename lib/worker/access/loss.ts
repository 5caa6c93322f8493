/* Lines that are lost are counted, and the operator is told: in the thread that has lost them, or by whoever finds the memory of one that is no more. */
import type { Lines } from './lines.js';

/** As any warning: no more than one a minute, and here the next one has the count of all since. Milliseconds. */
export const QUIET = 60_000;

/** Tells the operator. Undefined before anybody could be told. */
let tell: ((message: string) => void) | undefined;
let told = Number.NEGATIVE_INFINITY;

/** From now on this is who tells, in this thread. */
export function onLoss(teller: (message: string) => void): void {
  tell = teller;
}

/**
 * Tells how many of these lines were lost since that was told last.
 *
 * @param quiet - not if anything was told less than so long ago; by default at once, since they come to their end.
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
