import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
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
  const moments = new Moments(() => 0);
  assert.equal(moments.isExpected, true);
  assert.equal(take(moments, 5).isExpected, false);
  assert.equal(take(moments, ...times(7, 4.9)).isExpected, false);
  assert.equal(take(moments, 4.9).isExpected, true);
});

test('where most are moments, some longer ones, as on a machine short of CPUs, do not change that; many do', () => {
  const moments = take(new Moments(() => 0), ...times(1_000, 0.1));
  for (let round = 0; round < 100; round++) take(moments, ...times(19, 0.1), 10);
  assert.equal(moments.isExpected, true);
  assert.equal(take(moments, ...times(5, 5)).isExpected, false);
  for (let round = 0; round < 100; round++) take(moments, ...times(4, 0.1), 10);
  assert.equal(moments.isExpected, false);
});

test('what a long one waited for a CPU is none of its time; what others waited before the look is none of theirs', () => {
  let waited = 0;
  const moments = new Moments(() => waited);
  // Ten milliseconds, of which it had the CPU for four.
  waited += 6;
  assert.equal(take(moments, 10).isExpected, true);
  waited += 6;
  moments.look();
  assert.equal(take(moments, 10).isExpected, false);
});

test('one in which the event loop had nothing to do for a while is no moment, however short it was', async () => {
  const [busy, idle] = [new Moments(() => 0), new Moments(() => 0)];
  for (const moments of [busy, idle]) {
    moments.begin(1_000);
    moments.goesOn();
  }
  busy.end(1_002);
  const before = performance.nodeTiming.idleTime;
  while (performance.nodeTiming.idleTime - before < 1) await delay(2);
  idle.end(1_002);
  assert.deepEqual([busy.isExpected, idle.isExpected], [true, false]);
});
