/*
 * The words of the duty roster, one of 32 bits for each acceptor. By the roster, acceptors agree which of them accept
 * connections, see `lib/worker/accept/duty.ts`. Where the words are in the file is defined in `scoreboard.ts`.
 */

/**
 * What an acceptor does. NONE: the word belongs to no acceptor. LISTENING: it accepts. BUSY: it has no room. OFF: it
 * has room, but leaves the accepting to others. LEAVING: it accepts no more, and is about to close. BRIEF: it has no
 * room, but probably only for a moment. ALERT: it leaves the accepting to others as long as it sees that they make
 * progress.
 */
export const DUTY = { NONE: 0, LISTENING: 1, BUSY: 2, OFF: 3, LEAVING: 4, BRIEF: 5, ALERT: 6 } as const;
export type DutyState = (typeof DUTY)[keyof typeof DUTY];

const LONG = 1 << 23;
const UNSTEADY = 1 << 31;

/**
 * Encodes what an acceptor does, and how many of its places are taken, in one word, so that no reader sees half of an
 * update.
 *
 * @param turn - a counter modulo 128, by which others see that the acceptor makes progress.
 * @param long - whether it has lately had requests that were not short.
 * @param unsteady - whether something other than requests has lately blocked its event loop.
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
