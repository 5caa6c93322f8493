/*
 * What workers say of themselves in shared memory, how that is added up, and which workers have been silent for too
 * long.
 */
import { ArbiterError } from '../../errors.js';
import {
  ASKS_POSITION,
  DUTY,
  DUTY_SLOTS,
  dutyState,
  dutyWord,
  encodeLastCall,
  LAST_CALL_POSITION,
  readSlot,
  SLOT_SIZE,
  type SlotRecord,
  slotPosition,
} from '../../scoreboard/scoreboard.js';
import { files } from '../../system/files.js';
import { openUnlinked, reserve } from '../common/unlinked.js';

/** The master's side of the scoreboard: it owns the file, hands out slots and reads them. */
export interface Board {
  readonly fd: number;
  /**
   * Takes the lowest run of `count` free slots, clears it and returns its first slot. Throws `ERR_SCOREBOARD` where
   * there is no room for more slots.
   */
  claim(count: number): number;
  /** Gives a run of slots back, and takes its acceptors off the duty roster, the list of which acceptors listen. */
  release(slot: number, count: number): void;
  /** Whether an acceptor of one of these slots has room, but is off duty; see the duty roster. */
  rests(slot: number, count: number): boolean;
  /**
   * What the slot's worker wrote last. Undefined before its first write, when the write is torn, and where the slot
   * cannot be read.
   */
  read(slot: number): SlotRecord | undefined;
  /**
   * The last call: until that moment of `monotonic()`, workers that drain first accept what waits at these sockets.
   * Sockets are given by their indices.
   */
  lastCall(until: number, sockets: readonly number[]): void;
  /** During the last call, no worker leaves as the last one before this slot is given back. */
  awaitEnd(slot: number): void;
  /** Asks the worker of this slot what its threads are doing. The question is read by the worker's watchdog. */
  ask(slot: number, number: number): void;
  close(): void;
}

/**
 * The slot of a worker that got none, since there was no room. Nothing is read from it, and it need not be given back.
 */
export const NO_SLOT = -1;

/**
 * Opens a board whose file has no name any more, so that nothing can be left behind. The file has its full length from
 * the beginning: as many slots as the duty roster has, or more. So neither a reload nor a worker's own write depends on
 * a disk that fills up later. Throws `ERR_SCOREBOARD`.
 */
export function openBoard(slots = 0): Board {
  let reserved = Math.max(slots, DUTY_SLOTS);
  const fd = orScoreboardError(() => openUnlinked(slotPosition(reserved)), 'no folder has room for it');
  const used = new Set<number>();
  /** Parts of the file that are to be zero and are not yet: their lengths, by position. */
  const unclear = new Map<number, number>();
  const bytes = Buffer.alloc(SLOT_SIZE);
  const empty = Buffer.alloc(SLOT_SIZE);
  const run = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);
  /**
   * Clears these parts: what is left of a dead worker misleads the others. A part that could not be cleared is tried
   * again at the next occasion.
   */
  const tidy = (): void => {
    for (const [position, length] of unclear) {
      try {
        files.writeSync(fd, empty, 0, length, position);
        unclear.delete(position);
      } catch {
        return;
      }
    }
  };
  return {
    fd,
    claim(count) {
      let slot = 0;
      for (let free = 0; free < count; ) {
        if (used.has(slot + free)) [slot, free] = [slot + free + 1, 0];
        else free++;
      }
      const end = slot + count;
      if (end > reserved) {
        orScoreboardError(() => reserve(fd, slotPosition(reserved), slotPosition(end)), `no room for ${end} slots`);
        reserved = end;
      }
      for (const index of run(slot, count)) {
        used.add(index);
        unclear.set(slotPosition(index), SLOT_SIZE);
        if (index < DUTY_SLOTS) unclear.set(ASKS_POSITION + index, 1);
      }
      tidy();
      // From now on the slots belong to the worker, so they must not be cleared any more.
      for (const index of run(slot, count)) {
        unclear.delete(slotPosition(index));
        if (index >= DUTY_SLOTS) continue;
        unclear.delete(index * 4);
        unclear.delete(ASKS_POSITION + index);
      }
      return slot;
    },
    release(slot, count) {
      if (slot === NO_SLOT) return;
      for (const index of run(slot, count)) {
        used.delete(index);
        if (index < DUTY_SLOTS) unclear.set(index * 4, 4);
      }
      tidy();
    },
    rests(slot, count) {
      if (slot === NO_SLOT) return false;
      const words = new Uint32Array(count);
      const length = 4 * Math.max(0, Math.min(count, DUTY_SLOTS - slot));
      try {
        files.readSync(fd, words, 0, length, slot * 4);
      } catch {
        return false;
      }
      return words.some((word) => dutyState(word) === DUTY.OFF);
    },
    read(slot) {
      if (slot === NO_SLOT) return undefined;
      if (unclear.size > 0) tidy();
      try {
        const length = files.readSync(fd, bytes, 0, SLOT_SIZE, slotPosition(slot));
        return length === SLOT_SIZE ? readSlot(bytes) : undefined;
      } catch {
        return undefined;
      }
    },
    lastCall(until, sockets) {
      files.writeSync(fd, encodeLastCall(until, sockets), 0, SLOT_SIZE, LAST_CALL_POSITION);
    },
    awaitEnd(slot) {
      const busy = new Uint32Array([dutyWord(DUTY.BUSY, 0)]);
      if (slot !== NO_SLOT && slot < DUTY_SLOTS) files.writeSync(fd, busy, 0, 4, slot * 4);
    },
    ask(slot, number) {
      if (slot === NO_SLOT || slot >= DUTY_SLOTS) return;
      files.writeSync(fd, new Uint8Array([number]), 0, 1, ASKS_POSITION + slot);
    },
    close() {
      files.closeSync(fd);
    },
  };
}

function orScoreboardError<T>(act: () => T, what: string): T {
  try {
    return act();
  } catch (cause) {
    const message = `the scoreboard, a file of /dev/shm or the temporary folder: ${what}: ${(cause as Error).message}`;
    throw new ArbiterError('ERR_SCOREBOARD', message, { cause });
  }
}
