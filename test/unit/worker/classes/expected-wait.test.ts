import assert from 'node:assert/strict';
import test from 'node:test';
import { ExpectedWait } from '../../../../build/worker/classes/expected-wait.js';

/**
 * Adds requests of these lengths, one after the other, so that they take the given share of the time. Returns when the
 * last one is over, with its pause.
 */
function serve(wait: ExpectedWait, lengths: readonly number[], share: number, from = 0): number {
  let now = from;
  for (const length of lengths) {
    now += length;
    wait.add(length, now);
    now += length / share - length;
  }
  return now;
}
const times = (count: number, ...lengths: number[]): number[] => Array.from({ length: count }, () => lengths).flat();
const near = (value: number, expected: number): void =>
  assert.ok(Math.abs(value - expected) < expected * 0.1, `${value}, not about ${expected}`);

test('nothing is expected before the first request, nor of a few', () => {
  const wait = new ExpectedWait(0);
  assert.deepEqual([wait.at(0), wait.mean], [0, 0]);
  const end = serve(wait, times(9, 500), 0.9);
  assert.equal(wait.at(end), 0);
  near(wait.mean, 500);
});

test('one that took long among many short ones is no pattern', () => {
  const wait = new ExpectedWait(2);
  const end = serve(wait, [...times(10, 0.1), 400, ...times(60, 0.1)], 0.9);
  assert.ok(wait.mean > 2);
  assert.equal(wait.at(end), 0);
  const later = serve(wait, times(14, ...times(20, 0.1), 400), 0.9, end);
  assert.ok(wait.at(later) > 1);
});

test('in the long run it is the mean residual work', () => {
  // For requests of equal length S that take a share u of the time, that is u * S / 2.
  for (const [length, share] of [
    [10, 0.5],
    [10, 0.9],
    [0.1, 1],
  ] as const) {
    const wait = new ExpectedWait(0);
    near(wait.at(serve(wait, times(Math.ceil(60_000 / (length / share)), length), share)), (share * length) / 2);
    near(wait.mean, length);
  }
  // 19 requests of 5 ms and one of 150: Σ S² / 2 over the time that they take.
  const mixed = new ExpectedWait(0);
  const lengths = times(250, ...times(19, 5), 150);
  near(mixed.at(serve(mixed, lengths, 0.5)), (19 * 25 + 22_500) / 2 / ((19 * 5 + 150) / 0.5));
});

test('what has been is forgotten', () => {
  const wait = new ExpectedWait(0);
  const end = serve(wait, times(200, 100), 0.5);
  const before = wait.at(end);
  near(wait.at(end + 10_000), before / Math.E);
  assert.equal(wait.at(end + 60_000), 0);
});
