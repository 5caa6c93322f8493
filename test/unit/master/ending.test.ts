import assert from 'node:assert/strict';
import test from 'node:test';
import { Ending } from '../../../build/master/ending.js';

test('a drain begins after its delay, and is said once', () => {
  const ending = new Ending(500);
  assert.equal(ending.order('drain', 1_000), true);
  assert.deepEqual([ending.stage, ending.drainAt], ['drain', 1_500]);
  assert.deepEqual([ending.takeDrain(1_499), ending.takeDrain(1_500), ending.takeDrain(1_501)], [false, true, false]);
  assert.equal(ending.drainAt, undefined);
});

test('without a delay, or before anybody has served, nothing is to be waited for', () => {
  for (const [delay, now] of [
    [0, 1_000],
    [500, undefined],
  ] as const) {
    const ending = new Ending(delay);
    assert.equal(ending.order('drain', now), true);
    assert.deepEqual([ending.drainAt, ending.takeDrain(2_000)], [undefined, false]);
  }
});

test('a drain that has to wait for a word of others begins no earlier, and no later than its own delay', () => {
  for (const [delay, now, drainAt] of [
    [0, 1_000, 1_250],
    [100, 1_000, 1_250],
    [500, 1_000, 1_500],
    [0, undefined, undefined],
  ] as const) {
    const ending = new Ending(delay);
    ending.order('drain', now, 250);
    assert.equal(ending.drainAt, drainAt);
  }
});

test('a harder stage cuts the delay, and nothing slows down', () => {
  const ending = new Ending(500);
  ending.order('drain', 1_000);
  assert.equal(ending.order('drain', 1_200), false);
  assert.equal(ending.drainAt, 1_500);
  assert.equal(ending.order('quit', 1_300), true);
  assert.deepEqual([ending.stage, ending.drainAt, ending.takeDrain(9_000)], ['quit', undefined, false]);
  assert.deepEqual([ending.order('drain', 1_400), ending.order('quit', 1_400)], [false, false]);
  assert.equal(ending.order('kill', undefined), true);
  assert.equal(ending.stage, 'kill');
});

test('a quick stop has no delay', () => {
  const ending = new Ending(500);
  ending.order('quit', 1_000);
  assert.equal(ending.drainAt, undefined);
});

test('all is undone once', () => {
  const ending = new Ending(0);
  assert.deepEqual([ending.takeClose(), ending.takeClose()], [true, false]);
});
