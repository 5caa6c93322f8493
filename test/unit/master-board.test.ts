import assert from 'node:assert/strict';
import { readlinkSync, readSync, writeSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { type Board, openBoard } from '../../dist/master/board.js';
import {
  DUTY,
  DUTY_SLOTS,
  dutyWord,
  LAST_CALL_POSITION,
  readLastCall,
  SLOT_SIZE,
  SlotImage,
  STATE,
  slotPosition,
} from '../../dist/scoreboard.js';

function boardFor(t: TestContext): Board {
  const board = openBoard();
  t.after(() => board.close());
  return board;
}

/** Writes what a worker in this slot would. */
function work({ fd }: Board, slot: number, pid: number): void {
  const image = new SlotImage();
  image.setPid(pid);
  image.setState(STATE.SERVING);
  writeSync(fd, image.bytes, 0, image.header(), slotPosition(slot));
}

function setDuty({ fd }: Board, slot: number, word: number): void {
  writeSync(fd, new Uint32Array([word]), 0, 4, slot * 4);
}

test('runs are the lowest that are free, and never overlap', (t) => {
  const board = boardFor(t);
  // A claim of so many slots, or the end of one that is held: the index is taken modulo what there is.
  const step = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 9 }) }, fc.integer({ min: -50, max: -1 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const held: { first: number; count: number }[] = [];
      const taken = (index: number): boolean =>
        held.some(({ first, count }) => index >= first && index < first + count);
      try {
        for (const next of steps) {
          if (next < 0) {
            const [gone] = held.splice(-next % Math.max(1, held.length), 1);
            if (gone) board.release(gone.first, gone.count);
            continue;
          }
          const first = board.claim(next);
          let lowest = 0;
          while (Array.from({ length: next }, (_, index) => lowest + index).some(taken)) lowest++;
          assert.equal(first, lowest);
          held.push({ first, count: next });
        }
      } finally {
        for (const { first, count } of held) board.release(first, count);
      }
    }),
  );
});

test('a slot that is claimed again says nothing of its former worker', (t) => {
  const board = boardFor(t);
  const first = board.claim(3);
  for (const index of [0, 1, 2]) work(board, first + index, 100 + index);
  assert.deepEqual(
    [0, 1, 2].map((index) => board.read(first + index)?.pid),
    [100, 101, 102],
  );
  board.release(first, 3);
  assert.equal(board.claim(3), first);
  for (const index of [0, 1, 2]) assert.equal(board.read(first + index), undefined);
});

test('a slot that nobody has claimed, or written, holds no record', (t) => {
  const board = boardFor(t);
  assert.equal(board.read(0), undefined);
  assert.equal(board.read(5000), undefined);
  assert.equal(board.read(board.claim(1)), undefined);
});

test('a worker that has gone is off the duty roster, the others are not', (t) => {
  const board = boardFor(t);
  const [a, b] = [board.claim(3), board.claim(3)];
  for (let slot = a; slot < b + 3; slot++) setDuty(board, slot, dutyWord(DUTY.OFF, 1));
  assert.deepEqual([board.rests(a, 3), board.rests(b, 3)], [true, true]);
  board.release(a, 3);
  assert.deepEqual([board.rests(a, 3), board.rests(b, 3)], [false, true]);
});

test('only one that has room and rests can be woken', (t) => {
  const board = boardFor(t);
  const slot = board.claim(2);
  for (const state of [DUTY.NONE, DUTY.LISTENING, DUTY.BUSY]) {
    setDuty(board, slot + 1, dutyWord(state, 3));
    assert.equal(board.rests(slot, 2), false);
  }
  setDuty(board, slot + 1, dutyWord(DUTY.OFF, 3));
  assert.equal(board.rests(slot, 2), true);
  // It belongs to the run, and to no other.
  assert.equal(board.rests(slot, 1), false);
});

test('slots beyond the roster have no word, and those of others are left alone', (t) => {
  const board = boardFor(t);
  const first = board.claim(DUTY_SLOTS - 2);
  const across = board.claim(4);
  const beyond = board.claim(4);
  assert.deepEqual([first, across, beyond], [0, DUTY_SLOTS - 2, DUTY_SLOTS + 2]);
  // What follows the words in the file are the first slots: here with numbers that look like words.
  const pids = [0, 1, 2, beyond].map((slot) => dutyWord(DUTY.OFF, slot));
  const read = (): unknown => [0, 1, 2, beyond].map((slot) => board.read(slot)?.pid);
  for (const [index, slot] of [0, 1, 2, beyond].entries()) work(board, slot, pids[index] as number);
  assert.deepEqual([board.rests(across, 4), board.rests(across + 3, 4), board.rests(beyond, 4)], [false, false, false]);
  setDuty(board, across + 1, dutyWord(DUTY.OFF, 0));
  assert.equal(board.rests(across, 4), true);
  board.release(across, 4);
  assert.equal(board.rests(across, 4), false);
  assert.deepEqual(read(), pids);
  board.release(beyond, 4);
  assert.deepEqual(read(), pids);
});

test('a last call is for the sockets that it names, and leaves the slots alone', (t) => {
  const board = boardFor(t);
  const slot = board.claim(1);
  work(board, slot, 7);
  setDuty(board, DUTY_SLOTS - 1, dutyWord(DUTY.OFF, 1));
  const until = (): number[] => {
    const bytes = new Uint8Array(SLOT_SIZE);
    readSync(board.fd, bytes, 0, SLOT_SIZE, LAST_CALL_POSITION);
    return [0, 1, 2, 247, 248, 1_000].map((socket) => readLastCall(bytes, socket));
  };
  assert.deepEqual(until(), [0, 0, 0, 0, 0, 0]);
  // Those beyond have no byte: their queues are closed at once.
  board.lastCall(1234.5, [0, 2, 247, 248, 1_000]);
  assert.deepEqual(until(), [1234.5, 0, 1234.5, 1234.5, 0, 0]);
  assert.equal(board.read(slot)?.pid, 7);
  assert.equal(board.rests(DUTY_SLOTS - 1, 1), true);
});

test('the file has no name any more', { skip: process.platform !== 'linux' && 'needs /proc' }, (t) => {
  assert.match(readlinkSync(`/proc/self/fd/${boardFor(t).fd}`), /\/prefork-\d+-\w+ \(deleted\)$/);
});
