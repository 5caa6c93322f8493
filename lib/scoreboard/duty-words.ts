/* The words of the duty roster, one of 32 bits for each acceptor. Where they stand in the file is for `scoreboard.ts` to say. */

/**
 * What an acceptor does: accepts, has no room, has room and leaves the accepting to others, accepts no more and is about to close, has no room for what is
 * likely to be a moment, or leaves the accepting to others as long as it sees them come on. 0 is none.
 */
export const DUTY = { NONE: 0, LISTENING: 1, BUSY: 2, OFF: 3, LEAVING: 4, BRIEF: 5, ALERT: 6 } as const;
export type DutyState = (typeof DUTY)[keyof typeof DUTY];

const LONG = 1 << 23;
const UNSTEADY = 1 << 31;

/**
 * What an acceptor does, and how many of its places are taken, in one word: a store of it cannot be torn.
 *
 * @param turn - by which others see that it has come on, of 128.
 * @param long - whether it has had work lately that was not short.
 * @param unsteady - whether something else than that has kept its event loop lately.
 */
export function dutyWord(state: DutyState, load: number, turn = 0, long = false, unsteady = false): number {
  return (
    ((unsteady ? UNSTEADY : 0) | (state << 24) | (long ? LONG : 0) | ((turn & 0x7f) << 16) | Math.min(load, 0xffff)) >>>
    0
  );
}

export function dutyLong(word: number): boolean {
  return (word & LONG) !== 0;
}

export function dutyState(word: number): number {
  return (word >>> 24) & 0x7f;
}

export function dutyUnsteady(word: number): boolean {
  return (word & UNSTEADY) !== 0;
}

export function dutyLoad(word: number): number {
  return word & 0xffff;
}
