import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { TIME } from '../../../../build/worker/accept/duty-limits.js';
import { Steadiness } from '../../../../build/worker/accept/steadiness.js';

/** A Steadiness whose clock, wait for a CPU and time without room are what the test says. Milliseconds. */
function create(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said = { now: 1_000, wait: 0, busy: 0, kept: 0 };
  const steadiness = new Steadiness(
    { now: () => said.now, figures: () => ({ cpu: 0, waited: said.wait }) },
    () => said.busy,
  );
  return {
    steadiness,
    said,
    /** Something was to be done, and the loop turned again this much later than it should have. */
    late(duration: number, { away = 0, busy = 0 } = {}): void {
      steadiness.look(() => said.kept++);
      said.now += TIME.STEADY + duration;
      said.wait += away;
      said.busy += busy;
      t.mock.timers.tick(TIME.STEADY);
    },
  };
}

test('a loop that turns is steady, and one that stood still is not until seconds have gone by', (t) => {
  const { steadiness, said, late } = create(t);
  for (let count = 0; count < 100; count++) late(4.9);
  assert.deepEqual([steadiness.holds, said.kept], [true, 0]);
  late(40);
  assert.deepEqual([steadiness.holds, said.kept], [false, 1]);
  for (let second = 0; second < 4; second++) steadiness.forget();
  assert.equal(steadiness.holds, true);
});

test('the longer it stood still the longer it is remembered, up to a quarter of a minute', (t) => {
  const { steadiness, late } = create(t);
  for (let count = 0; count < 4; count++) late(5);
  assert.equal(steadiness.holds, true);
  late(5);
  assert.equal(steadiness.holds, false);
  late(60_000);
  for (let second = 0; second < 15; second++) steadiness.forget();
  assert.equal(steadiness.holds, false);
  steadiness.forget();
  assert.equal(steadiness.holds, true);
});

test('the time of its requests, of which its word tells, does not count, and the time for which others had the CPU is an excuse', (t) => {
  const { steadiness, said, late } = create(t);
  late(250, { busy: 246 });
  late(250, { away: 130 });
  // What was before the look began is no excuse.
  said.wait += 1_000;
  said.busy += 1_000;
  assert.deepEqual([steadiness.holds, said.kept], [true, 0]);
  late(250, { away: 100, busy: 30 });
  assert.deepEqual([steadiness.holds, said.kept], [false, 1]);
});

test('there is one look at a time', (t) => {
  const { steadiness, said, late } = create(t);
  for (let count = 0; count < 9; count++) steadiness.look(() => said.kept++);
  late(250);
  assert.equal(said.kept, 1);
});
