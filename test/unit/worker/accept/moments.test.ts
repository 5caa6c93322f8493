import assert from 'node:assert/strict';
import test from 'node:test';
import { Moments } from '../../../../build/worker/accept/moments.js';

/** Places that are taken for so long, one after the other. */
function take(moments: Moments, ...durations: readonly number[]): Moments {
  for (const duration of durations) {
    moments.begin(1_000);
    moments.end(1_000 + duration);
  }
  return moments;
}

const times = (count: number, duration: number): number[] => new Array(count).fill(duration);

test('a moment is expected from the start, and no longer when one has been longer, until many have not', () => {
  const moments = new Moments();
  assert.equal(moments.isExpected, true);
  assert.equal(take(moments, 5).isExpected, false);
  assert.equal(take(moments, ...times(7, 4.9)).isExpected, false);
  assert.equal(take(moments, 4.9).isExpected, true);
});

test('where most are moments, some longer ones, as on a machine short of CPUs, do not change that; many do', () => {
  const moments = take(new Moments(), ...times(1_000, 0.1));
  for (let round = 0; round < 100; round++) take(moments, ...times(19, 0.1), 10);
  assert.equal(moments.isExpected, true);
  assert.equal(take(moments, ...times(5, 5)).isExpected, false);
  for (let round = 0; round < 100; round++) take(moments, ...times(4, 0.1), 10);
  assert.equal(moments.isExpected, false);
});
