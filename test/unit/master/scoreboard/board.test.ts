import assert from 'node:assert/strict';
import { fstatSync, readdirSync, readlinkSync, readSync, realpathSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { type Board, NO_SLOT, openBoard } from '../../../../build/master/scoreboard/board.js';
import {
  DUTY,
  DUTY_SLOTS,
  dutyState,
  dutyWord,
  LAST_CALL_POSITION,
  readLastCall,
  SLOT_SIZE,
  SlotImage,
  STATE,
  slotPosition,
} from '../../../../build/scoreboard/scoreboard.js';
import { files } from '../../../../build/system/files.js';

function boardFor(t: TestContext): Board {
  const board = openBoard();
  t.after(() => board.close());
  return board;
}

/** Writes what a worker in this slot would write. */
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
  // A step claims this many slots, or it ends a run that is held. Then the index is taken modulo the number of runs.
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
  // The slot that rests belongs to the run of two, and not to a run of one.
  assert.equal(board.rests(slot, 1), false);
});

test('slots beyond the roster have no word, and those of others are left alone', (t) => {
  const board = boardFor(t);
  const first = board.claim(DUTY_SLOTS - 2);
  const across = board.claim(4);
  const beyond = board.claim(4);
  assert.deepEqual([first, across, beyond], [0, DUTY_SLOTS - 2, DUTY_SLOTS + 2]);
  // In the file, the first slots follow the words. Here these slots have numbers that look like words.
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
    return [0, 1, 2, 503, 504, 4_031, 4_032, 9_000].map((socket) => readLastCall(bytes, socket));
  };
  assert.deepEqual(until(), Array(8).fill(0));
  // Sockets beyond 4031 have no bit: their queues are closed at once.
  board.lastCall(1234.5, [0, 2, 503, 4_031, 4_032, 9_000]);
  assert.deepEqual(until(), [1234.5, 0, 1234.5, 1234.5, 0, 1234.5, 0, 0]);
  assert.equal(board.read(slot)?.pid, 7);
  assert.equal(board.rests(DUTY_SLOTS - 1, 1), true);
});

test('who waits for a slot to be given back sees it as busy until then', (t) => {
  const board = boardFor(t);
  const [one, other] = [board.claim(1), board.claim(3)];
  const duties = (): number[] => {
    const words = new Uint32Array(4);
    readSync(board.fd, words, 0, 16, 0);
    return Array.from(words, dutyState);
  };
  board.awaitEnd(other);
  board.awaitEnd(NO_SLOT);
  assert.deepEqual(duties(), [DUTY.NONE, DUTY.BUSY, DUTY.NONE, DUTY.NONE]);
  board.release(one, 1);
  board.release(other, 3);
  assert.deepEqual(duties(), [DUTY.NONE, DUTY.NONE, DUTY.NONE, DUTY.NONE]);
});

test('the file has no name any more', { skip: process.platform !== 'linux' && 'needs /proc' }, (t) => {
  assert.match(readlinkSync(`/proc/self/fd/${boardFor(t).fd}`), /\/prefork-\d+-\w+ \(deleted\)$/);
});

const REAL = { ...files };

/** In this test, makes a function of `files` fail as long as `fails` says so. */
function failing(
  t: TestContext,
  name: 'writeSync' | 'openSync' | 'unlinkSync',
  fails: () => boolean,
  code = 'ENOSPC',
): void {
  const record = files as unknown as Record<string, unknown>;
  record[name] = (...args: unknown[]) => {
    if (fails()) throw Object.assign(new Error(`${code}: injected`), { code });
    return (REAL[name] as (...args: unknown[]) => unknown)(...args);
  };
  t.after(() => {
    record[name] = REAL[name];
  });
}

const folderOf = ({ fd }: Board): string => dirname(readlinkSync(`/proc/self/fd/${fd}`));

test('it has its full length on the disk from the beginning', (t) => {
  for (const slots of [0, DUTY_SLOTS, 3_000]) {
    const board = openBoard(slots);
    t.after(() => board.close());
    const { size, blocks } = fstatSync(board.fd);
    assert.equal(size, slotPosition(Math.max(DUTY_SLOTS, slots)));
    assert.ok(blocks * 512 >= size, `${blocks} blocks of ${size} bytes`);
  }
});

test('the next folder is used where there is no room, or no right, at any point', {
  skip: process.platform !== 'linux',
}, (t) => {
  const open = readdirSync('/proc/self/fd').length;
  for (const name of ['openSync', 'unlinkSync', 'writeSync'] as const) {
    for (const nth of name === 'writeSync' ? [1, 2, 5] : [1]) {
      let calls = 0;
      failing(t, name, () => ++calls === nth);
      const board = openBoard();
      assert.equal(folderOf(board), realpathSync(tmpdir()), `${name} ${nth}`);
      board.close();
      failing(t, name, () => false);
    }
  }
  assert.equal(readdirSync('/proc/self/fd').length, open, 'descriptors are left');
  assert.deepEqual(
    ['/dev/shm', tmpdir()].flatMap((folder) =>
      readdirSync(folder).filter((file) => file.startsWith(`prefork-${process.pid}-`)),
    ),
    [],
  );
});

test('where no folder has room it says so', (t) => {
  failing(t, 'writeSync', () => true);
  assert.throws(() => openBoard(), {
    code: 'ERR_SCOREBOARD',
    message: /no folder has room for it: \/dev\/shm: ENOSPC.*; .*: ENOSPC/,
  });
});

test('more slots than were reserved are there or refused, and the others are as they were', (t) => {
  const board = boardFor(t);
  let full = true;
  failing(t, 'writeSync', () => full);
  for (let times = 0; times < 2; times++) assert.throws(() => board.claim(DUTY_SLOTS + 1), { code: 'ERR_SCOREBOARD' });
  assert.equal(board.claim(1), 0);
  full = false;
  assert.equal(board.claim(DUTY_SLOTS + 7), 1);
  const { size, blocks } = fstatSync(board.fd);
  assert.equal(size, slotPosition(DUTY_SLOTS + 8));
  assert.ok(blocks * 512 >= size);
});

test('what a dead worker left is cleared later, where that fails, but not under a living one', (t) => {
  const board = boardFor(t);
  let broken = false;
  failing(t, 'writeSync', () => broken, 'EIO');
  const [first, second] = [board.claim(1), board.claim(1)];
  for (const slot of [first, second]) setDuty(board, slot, dutyWord(DUTY.OFF, 0));
  broken = true;
  board.release(first, 1);
  board.release(second, 1);
  assert.equal(board.rests(second, 1), true);
  // Somebody else has the first slot by now.
  assert.equal(board.claim(1), first);
  setDuty(board, first, dutyWord(DUTY.OFF, 0));
  work(board, first, 17);
  broken = false;
  assert.equal(board.read(first)?.pid, 17);
  assert.equal(board.rests(second, 1), false, 'cleared at the next occasion');
  assert.equal(board.rests(first, 1), true);
});

test('a worker without a slot', (t) => {
  const board = boardFor(t);
  const slot = board.claim(2);
  work(board, slot, 17);
  assert.equal(board.read(NO_SLOT), undefined);
  assert.equal(board.rests(NO_SLOT, 2), false);
  board.release(NO_SLOT, 2);
  assert.equal(board.claim(1), slot + 2);
});
