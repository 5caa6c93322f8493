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

test('a moment is expected when many have been one', () => {
  const moments = new Moments(false);
  assert.equal(moments.isExpected, false);
  assert.equal(take(moments, ...times(31, 1.9)).isExpected, false);
  assert.equal(take(moments, 1.9).isExpected, true);
});

test('some longer ones, as where CPUs are short, do not change that; many do', () => {
  const moments = take(new Moments(false), ...times(1_000, 0.1));
  for (let round = 0; round < 100; round++) take(moments, ...times(19, 0.1), 5);
  assert.equal(moments.isExpected, true);
  assert.equal(take(moments, ...times(5, 2)).isExpected, false);
  for (let round = 0; round < 100; round++) take(moments, ...times(4, 0.1), 5);
  assert.equal(moments.isExpected, false);
});

test('where it is trusted from the start, that holds until some were longer', () => {
  const moments = new Moments(true);
  assert.equal(moments.isExpected, true);
  assert.equal(take(moments, ...times(5, 100)).isExpected, false);
});
