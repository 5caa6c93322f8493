import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSlot, SLOT_SIZE, type SlotRecord } from '../scoreboard.js';

/** The master's side of the scoreboard: it owns the file, hands out slots and reads them. */
export interface Board {
  readonly fd: number;
  /** Reserves the lowest free slot and clears it. */
  claim(): number;
  release(slot: number): void;
  /** What the slot's worker wrote last; undefined before its first write and for a torn one. */
  read(slot: number): SlotRecord | undefined;
  close(): void;
}

/** Opens a board whose file has no name any more, so that nothing can be left behind. */
export function openBoard(): Board {
  const fd = openUnlinked();
  const used = new Set<number>();
  const bytes = Buffer.alloc(SLOT_SIZE);
  const empty = Buffer.alloc(SLOT_SIZE);
  return {
    fd,
    claim() {
      let slot = 0;
      while (used.has(slot)) slot++;
      used.add(slot);
      writeSync(fd, empty, 0, SLOT_SIZE, slot * SLOT_SIZE);
      return slot;
    },
    release(slot) {
      used.delete(slot);
    },
    read(slot) {
      const length = readSync(fd, bytes, 0, SLOT_SIZE, slot * SLOT_SIZE);
      return length === SLOT_SIZE ? readSlot(bytes) : undefined;
    },
    close() {
      closeSync(fd);
    },
  };
}

function openUnlinked(): number {
  const name = `prefork-${process.pid}-${process.hrtime.bigint().toString(36)}`;
  let failure: unknown;
  // Memory where there is a file system of it: a write there never waits for a disk.
  for (const folder of ['/dev/shm', tmpdir()]) {
    const path = join(folder, name);
    try {
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      ftruncateSync(fd, SLOT_SIZE);
      return fd;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
