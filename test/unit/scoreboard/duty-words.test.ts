import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  ASKS_POSITION,
  DUTY,
  DUTY_BYTES,
  DUTY_SLOTS,
  dutyLoad,
  dutyLong,
  dutyState,
  dutyUnsteady,
  dutyWord,
  LAST_CALL_POSITION,
  SLOT_SIZE,
  slotPosition,
} from '../../../build/scoreboard/scoreboard.js';

const state = fc.constantFrom(...Object.values(DUTY));
const MOST = 0xffff;

/** A word as it comes back from the file. */
function stored(word: number): number {
  const [back = Number.NaN] = new Uint32Array([word]);
  return back;
}

test('a word says what its acceptor does, and how many places are taken', () => {
  fc.assert(
    fc.property(state, fc.nat(MOST), (given, load) => {
      const word = stored(dutyWord(given, load));
      assert.deepEqual([dutyState(word), dutyLoad(word)], [given, load]);
    }),
  );
});

test('a turn makes another word of the same state and load', () => {
  fc.assert(
    fc.property(state, fc.nat(MOST), fc.nat(), (given, load, turn) => {
      const word = stored(dutyWord(given, load, turn));
      assert.deepEqual([dutyState(word), dutyLoad(word)], [given, load]);
      assert.notEqual(word, stored(dutyWord(given, load, turn + 1)));
    }),
  );
});

test('a word says whether there was long work, whether its event loop was kept, and nothing else for that', () => {
  fc.assert(
    fc.property(state, fc.nat(MOST), fc.nat(), fc.boolean(), fc.boolean(), (given, load, turn, long, unsteady) => {
      const word = stored(dutyWord(given, load, turn, long, unsteady));
      assert.deepEqual([dutyState(word), dutyLoad(word)], [given, load]);
      assert.deepEqual([dutyLong(word), dutyUnsteady(word)], [long, unsteady]);
    }),
  );
});

test('a load that is too large for it is the largest, and no other state', () => {
  fc.assert(
    fc.property(state, fc.integer({ min: MOST, max: 2 ** 31 }), (given, load) => {
      const word = stored(dutyWord(given, load));
      assert.deepEqual([dutyState(word), dutyLoad(word)], [given, MOST]);
    }),
  );
});

test('an acceptor that does something is never taken for none', () => {
  for (const given of Object.values(DUTY)) assert.equal(stored(dutyWord(given, 0)) === 0, given === DUTY.NONE);
});

test('states are told apart by one byte', () => {
  const values = Object.values(DUTY);
  assert.equal(new Set(values).size, values.length);
  for (const value of values) assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xff);
});

test('words and slots lie side by side in the file', () => {
  assert.equal(DUTY_BYTES, DUTY_SLOTS * 4);
  assert.equal(LAST_CALL_POSITION, DUTY_BYTES);
  assert.equal(ASKS_POSITION - LAST_CALL_POSITION, SLOT_SIZE);
  assert.equal(slotPosition(0) - ASKS_POSITION, DUTY_SLOTS);
  fc.assert(fc.property(fc.nat(10_000), (index) => slotPosition(index + 1) - slotPosition(index) === SLOT_SIZE));
  // A slot is read as 64 bit numbers, so its position and its size are multiples of 8.
  assert.equal(slotPosition(0) % 8, 0);
  assert.equal(SLOT_SIZE % 8, 0);
});
