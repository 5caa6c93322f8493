import { readSync, writeSync } from 'node:fs';
import { FD } from '../protocol.js';
import { DUTY_SLOTS, readSlot, SLOT_SIZE, type SlotRecord, slotPosition } from '../scoreboard.js';

/** What a slot of the scoreboard says; for those of this process's own threads. */
export function readSlotAt(index: number): SlotRecord | undefined {
  const bytes = Buffer.alloc(SLOT_SIZE);
  return readSync(FD.SCOREBOARD, bytes, 0, SLOT_SIZE, slotPosition(index)) === SLOT_SIZE ? readSlot(bytes) : undefined;
}

/** Takes an acceptor that has ended off the duty roster. */
export function clearDuty(index: number): void {
  if (index < DUTY_SLOTS) writeSync(FD.SCOREBOARD, new Uint8Array(4), 0, 4, index * 4);
}
