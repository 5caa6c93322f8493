import { closeSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import {
  DUTY,
  DUTY_SLOTS,
  dutyState,
  encodeLastCall,
  LAST_CALL_POSITION,
  readSlot,
  SLOT_SIZE,
  type SlotRecord,
  slotPosition,
} from '../scoreboard.js';
import { openUnlinked } from './unlinked.js';

/** The master's side of the scoreboard: it owns the file, hands out slots and reads them. */
export interface Board {
  readonly fd: number;
  /** Reserves the lowest free run of that many slots and clears it; returns its first. */
  claim(count: number): number;
  /** Gives a run back, and takes its acceptors off the duty roster. */
  release(slot: number, count: number): void;
  /** Whether one of these slots has room and rests, see the duty roster. */
  rests(slot: number, count: number): boolean;
  /** What the slot's worker wrote last; undefined before its first write and for a torn one. */
  read(slot: number): SlotRecord | undefined;
  /** Workers that drain from now on accept what waits at these sockets first, until that moment of `monotonic()`. */
  lastCall(until: number, sockets: readonly number[]): void;
  close(): void;
}

/** Opens a board whose file has no name any more, so that nothing can be left behind. */
export function openBoard(): Board {
  const fd = openUnlinked();
  ftruncateSync(fd, slotPosition(1));
  const used = new Set<number>();
  const bytes = Buffer.alloc(SLOT_SIZE);
  const empty = Buffer.alloc(SLOT_SIZE);
  const run = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);
  const clear = (index: number): void => void writeSync(fd, empty, 0, SLOT_SIZE, slotPosition(index));
  return {
    fd,
    claim(count) {
      let slot = 0;
      for (let free = 0; free < count; ) {
        if (used.has(slot + free)) [slot, free] = [slot + free + 1, 0];
        else free++;
      }
      for (const index of run(slot, count)) {
        used.add(index);
        clear(index);
      }
      return slot;
    },
    release(slot, count) {
      for (const index of run(slot, count)) {
        used.delete(index);
        if (index < DUTY_SLOTS) writeSync(fd, empty, 0, 4, index * 4);
      }
    },
    rests(slot, count) {
      const words = new Uint32Array(count);
      readSync(fd, words, 0, 4 * Math.max(0, Math.min(count, DUTY_SLOTS - slot)), slot * 4);
      return words.some((word) => dutyState(word) === DUTY.OFF);
    },
    read(slot) {
      const length = readSync(fd, bytes, 0, SLOT_SIZE, slotPosition(slot));
      return length === SLOT_SIZE ? readSlot(bytes) : undefined;
    },
    lastCall(until, sockets) {
      writeSync(fd, encodeLastCall(until, sockets), 0, SLOT_SIZE, LAST_CALL_POSITION);
    },
    close() {
      closeSync(fd);
    },
  };
}
