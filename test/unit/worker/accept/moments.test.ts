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

test('behind a long one, what a moment itself waits for a CPU is none of its time; what this thread waited before it is', () => {
  let waited = 0;
  const moments = new Moments(() => waited);
  // Takes ten milliseconds, so much of which others had the CPU, and before which this thread had waited for it.
  const wait = (within: number, before = 0): void => {
    waited += before;
    moments.begin(1_000);
    waited += within;
    moments.end(1_010);
  };
  // Nobody has looked at the first one.
  wait(6);
  assert.equal(moments.isExpected, false);
  for (let count = 0; count < 8; count++) wait(6);
  assert.equal(moments.isExpected, true);
  wait(0, 6);
  assert.equal(moments.isExpected, false);
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
