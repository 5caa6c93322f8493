import { SLOT_SIZE } from './slot-image.js';

export { DUTY, type DutyState, dutyLoad, dutyLong, dutyState, dutyUnsteady, dutyWord } from './duty-words.js';
export { readSlot, SENT_OFFSET, SLOT_SIZE, SlotImage } from './slot-image.js';
export { type SlotRecord, type SlotRequest, type SlotRoom, type SlotState, STATE } from './slot-record.js';

/*
 * The scoreboard: one file, shared by descriptor, has a slot per worker process, and one per thread of it. Only the worker writes to its
 * slot and only the master reads it, also after the worker is dead. Here is where things stand in it; no file is touched.
 */

/**
 * The file begins with one word of 32 bits per slot, see {@link dutyWord}: what all acceptors do is one short read. A
 * slot beyond these has no word.
 */
export const DUTY_SLOTS = 1024;
export const DUTY_BYTES: number = DUTY_SLOTS * 4;

/**
 * Then comes what the master says to all: until when they may go on accepting after they have been told to drain, and at which
 * sockets, a byte each.
 */
export const LAST_CALL_POSITION: number = DUTY_SLOTS * 4;
const LAST_CALL_SOCKETS = 8;

/**
 * Behind it, a byte for each slot that has a duty word: the number of the last order to say what its threads are doing, for a watchdog whose
 * main thread does not read its orders. 0 is none.
 */
export const ASKS_POSITION: number = LAST_CALL_POSITION + SLOT_SIZE;

/** Where a slot begins in the file. */
export function slotPosition(index: number): number {
  return ASKS_POSITION + DUTY_SLOTS + index * SLOT_SIZE;
}

/**
 * @param until - milliseconds of `monotonic()`.
 * @param sockets - indices of those whose queues nobody else will serve. None beyond the 503rd can be said.
 */
export function encodeLastCall(until: number, sockets: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(SLOT_SIZE);
  new Float64Array(bytes.buffer)[0] = until;
  for (const index of sockets) bytes[LAST_CALL_SOCKETS + index] = 1;
  return bytes;
}

/** Until when to accept what waits at a socket; 0 where others will. */
export function readLastCall(bytes: Uint8Array, socket: number): number {
  if (bytes[LAST_CALL_SOCKETS + socket] !== 1) return 0;
  return new Float64Array(bytes.buffer, bytes.byteOffset, 1)[0] ?? 0;
}
