import { readSync, writeSync } from 'node:fs';
import { monotonic } from '../../monotonic.js';
import { FD } from '../../protocol/spec.js';
import {
  ASKS_POSITION,
  DUTY_BYTES,
  DUTY_SLOTS,
  type DutyState,
  dutyState,
  dutyWord,
  LAST_CALL_POSITION,
  readLastCall,
  readSlot,
  SLOT_SIZE,
  SlotImage,
  type SlotRecord,
  STATE,
  slotPosition,
} from '../../scoreboard/scoreboard.js';

/** Reads a slot of the scoreboard. */
export function readSlotAt(index: number): SlotRecord | undefined {
  const bytes = Buffer.alloc(SLOT_SIZE);
  return readSync(FD.SCOREBOARD, bytes, 0, SLOT_SIZE, slotPosition(index)) === SLOT_SIZE ? readSlot(bytes) : undefined;
}

/** A worker that has shown no sign of life for this long is not counted on. Milliseconds. */
const STALE = 3_000;

/** Whether any process other than this one serves, and is not known to be leaving. */
export function othersServe(): boolean {
  const bytes = Buffer.alloc(SLOT_SIZE);
  const seen = new Set([process.pid]);
  for (let index = 0; readSync(FD.SCOREBOARD, bytes, 0, SLOT_SIZE, slotPosition(index)) === SLOT_SIZE; index++) {
    const { state, pid = process.pid, beat = 0 } = readSlot(bytes) ?? {};
    // The slots of a process's threads follow its own. They learn of a drain later, so only the first slot counts.
    if (seen.has(pid)) continue;
    seen.add(pid);
    if (state === STATE.SERVING && monotonic() - beat < STALE && lives(pid)) return true;
  }
  return false;
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** How many requests are in flight in these slots, counting those of this process only. */
export function activeIn(first: number, count: number): number {
  const records = Array.from({ length: count }, (_, index) => readSlotAt(first + index));
  return records.reduce((sum, record) => sum + (record?.pid === process.pid ? record.active : 0), 0);
}

/** What the image of a slot of this process says; the image is the slot in memory, before it is stored. */
export function readImage(memory: SharedArrayBuffer): SlotRecord | undefined {
  const image = new SlotImage(memory);
  image.full();
  return readSlot(image.bytes);
}

/** Stores the last image of a slot for a thread that did not get to do so itself. */
export function storeImage(index: number, memory: SharedArrayBuffer): void {
  const image = new SlotImage(memory);
  writeSync(FD.SCOREBOARD, image.bytes, 0, image.full(), slotPosition(index));
}

/**
 * The same for a thread whose end has been reported completely: its counters and times are kept, and nothing is in
 * flight.
 */
export function storeAtRest(index: number, memory: SharedArrayBuffer): void {
  new SlotImage(memory).setLoad(0, 0);
  storeImage(index, memory);
}

/**
 * Writes what an acceptor does to the duty roster, without a load. Nothing is written for one that has no word there.
 */
export function writeDuty(index: number, state: DutyState): void {
  if (index < DUTY_SLOTS) writeSync(FD.SCOREBOARD, new Uint32Array([dutyWord(state, 0)]), 0, 4, index * 4);
}

/** What all acceptors do, by the duty roster. */
export function readDuties(): number[] {
  const words = new Uint32Array(DUTY_SLOTS);
  readSync(FD.SCOREBOARD, words, 0, DUTY_BYTES, 0);
  return Array.from(words, dutyState);
}

/**
 * Until when a worker that is told to drain goes on accepting at a socket, in milliseconds of `monotonic()`; 0 where
 * others will accept there.
 */
export function lastCall(socket: number): number {
  const bytes = new Uint8Array(SLOT_SIZE);
  readSync(FD.SCOREBOARD, bytes, 0, SLOT_SIZE, LAST_CALL_POSITION);
  return readLastCall(bytes, socket);
}

/** The number of the last order to say what the threads of this worker are doing; 0 where there was none. */
export function lastAsk(index: number): number {
  const byte = new Uint8Array(1);
  if (index < DUTY_SLOTS) readSync(FD.SCOREBOARD, byte, 0, 1, ASKS_POSITION + index);
  return byte[0] as number;
}
