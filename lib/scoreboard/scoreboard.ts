import { SLOT_SIZE } from './slot-image.js';

export { DUTY, type DutyState, dutyLoad, dutyLong, dutyState, dutyUnsteady, dutyWord } from './duty-words.js';
export { readSlot, SENT_OFFSET, SLOT_SIZE, SlotImage } from './slot-image.js';
export { type SlotRecord, type SlotRequest, type SlotRoom, type SlotState, STATE } from './slot-record.js';

/*
 * The scoreboard: one file, shared by its descriptor, with a slot for each worker process, and one for each thread.
 * Only the worker writes to its slot and only the master reads it, also after the worker is dead. This module defines
 * the layout; it touches no file.
 */

/**
 * The file begins with one duty word of 32 bits per slot, see {@link dutyWord}, so that one short read shows what all
 * acceptors do. A slot beyond the first 1024 has no duty word.
 */
export const DUTY_SLOTS = 1024;
export const DUTY_BYTES: number = DUTY_SLOTS * 4;

/**
 * Next is the last call, which the master writes for all workers: until when they may go on accepting after they have
 * been told to drain, and at which sockets, a bit for each socket.
 */
export const LAST_CALL_POSITION: number = DUTY_SLOTS * 4;
const LAST_CALL_SOCKETS = 8;

/** The byte, and the bit in it, of a socket. */
function lastCallBit(socket: number): readonly [byte: number, bit: number] {
  return [LAST_CALL_SOCKETS + (socket >> 3), 1 << (socket & 7)];
}

/**
 * Next is a byte for each slot that has a duty word: the number of the last order to say what its threads are doing. It
 * is for a watchdog whose main thread does not read its orders. 0 is none.
 */
export const ASKS_POSITION: number = LAST_CALL_POSITION + SLOT_SIZE;

/** The offset of a slot in the file. */
export function slotPosition(index: number): number {
  return ASKS_POSITION + DUTY_SLOTS + index * SLOT_SIZE;
}

/**
 * @param until - milliseconds of `monotonic()`.
 * @param sockets - indices of the sockets whose accept queues nobody else will serve. There is room for 4032 of them.
 */
export function encodeLastCall(until: number, sockets: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(SLOT_SIZE);
  new Float64Array(bytes.buffer)[0] = until;
  for (const [byte, bit] of sockets.map(lastCallBit)) bytes[byte] = (bytes[byte] ?? 0) | bit;
  return bytes;
}

/** Until when to accept the connections that wait at a socket, of `monotonic()`; 0 if others will accept them. */
export function readLastCall(bytes: Uint8Array, socket: number): number {
  const [byte, bit] = lastCallBit(socket);
  if (((bytes[byte] ?? 0) & bit) === 0) return 0;
  return new Float64Array(bytes.buffer, bytes.byteOffset, 1)[0] ?? 0;
}
