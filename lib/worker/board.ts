import { readSync, writeSync } from 'node:fs';
import { FD } from '../protocol.js';
import { DUTY_SLOTS, readSlot, SLOT_SIZE, SlotImage, type SlotRecord, slotPosition } from '../scoreboard.js';

/** What a slot of the scoreboard says; for those of this process's own threads. */
export function readSlotAt(index: number): SlotRecord | undefined {
  const bytes = Buffer.alloc(SLOT_SIZE);
  return readSync(FD.SCOREBOARD, bytes, 0, SLOT_SIZE, slotPosition(index)) === SLOT_SIZE ? readSlot(bytes) : undefined;
}

/** What the image of a slot of this process says, before it is stored. */
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

/** Takes an acceptor that has ended off the duty roster. */
export function clearDuty(index: number): void {
  if (index < DUTY_SLOTS) writeSync(FD.SCOREBOARD, new Uint8Array(4), 0, 4, index * 4);
}
