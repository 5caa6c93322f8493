import assert from 'node:assert/strict';
import test from 'node:test';
import { Moments } from '../../../../build/worker/accept/moments.js';

/** The figures of a thread of which the system tells nothing. */
const IDLE = { cpu: 0, waited: 0 };

/** Takes a place for each of these times, one after the other. */
function take(moments: Moments, ...durations: readonly number[]): Moments {
  for (const duration of durations) {
    moments.begin(1_000, true);
    moments.end(1_000 + duration);
  }
  return moments;
}

const times = (count: number, duration: number): number[] => new Array(count).fill(duration);

test('a moment is expected behind the first one, and no longer when one has been longer, until many have not', () => {
  const moments = new Moments(() => IDLE);
  assert.equal(moments.isExpected, false);
  assert.equal(take(moments, 4.9).isExpected, true);
  assert.equal(take(moments, 5).isExpected, false);
  assert.equal(take(moments, ...times(7, 4.9)).isExpected, false);
  assert.equal(take(moments, 4.9).isExpected, true);
});

test('where most are moments, some longer ones, as on a machine short of CPUs, do not change that; many do', () => {
  const moments = take(new Moments(() => IDLE), ...times(1_000, 0.1));
  for (let round = 0; round < 100; round++) take(moments, ...times(19, 0.1), 10);
  assert.equal(moments.isExpected, true);
  assert.equal(take(moments, ...times(5, 5)).isExpected, false);
  for (let round = 0; round < 100; round++) take(moments, ...times(4, 0.1), 10);
  assert.equal(moments.isExpected, false);
});

test('what others had the CPU for is none of the time of what was short', () => {
  let [now, waited] = [1_000, 0];
  const moments = new Moments(() => ({ cpu: 0, waited }));
  // Takes a place for this long; for a part of that time, others had the CPU.
  const work = (taken: number, others: number): void => {
    moments.begin(now, true);
    now += taken;
    waited += others;
    moments.end(now);
  };
  for (let count = 0; count < 100; count++) work(20, 16);
  assert.deepEqual([moments.isExpected, moments.areShort], [false, true]);
  // A wait from before the place was taken is no excuse.
  now += 100;
  waited += 100;
  work(20, 0);
  assert.equal(moments.areShort, true);
  work(20, 0);
  assert.equal(moments.areShort, false);
});

test('the first ones, whose code is not compiled yet, say nothing of what is short, unless they take longer than that', () => {
  const moments = take(new Moments(() => IDLE), ...times(32, 15));
  assert.deepEqual([moments.isExpected, moments.areShort], [false, true]);
  assert.equal(take(moments, ...times(5, 8)).areShort, false);
  assert.equal(take(new Moments(() => IDLE), 40).areShort, false);
});

test('of the first ones, what has not had the CPU is no code to be compiled', () => {
  let cpu = 1;
  const moments = new Moments(() => ({ cpu, waited: 0 }));
  const work = (taken: number, used: number): void => {
    moments.begin(1_000, true);
    cpu += used;
    moments.end(1_000 + taken);
  };
  for (let count = 0; count < 8; count++) work(12, 8);
  assert.equal(moments.areShort, true);
  for (let count = 0; count < 2; count++) work(12, 7);
  assert.equal(moments.areShort, false);
});

test('one that waits for two milliseconds is no moment, unless what it waits for is the CPU, or that is unknown', () => {
  let [now, waited, cpu] = [1_000, 0, 0];
  const moments = new Moments(() => ({ cpu, waited }));
  const wait = (idle: number, others: number): void => {
    moments.begin(now, true);
    now += 4;
    waited += others;
    moments.end(now, idle);
  };
  for (let count = 0; count < 100; count++) wait(4, 0);
  assert.deepEqual([moments.isExpected, moments.areShort], [true, true]);
  cpu = 1;
  for (let count = 0; count < 100; count++) wait(1.9, 0);
  for (let count = 0; count < 100; count++) wait(4, 2.1);
  assert.deepEqual([moments.isExpected, moments.areShort], [true, true]);
  for (let count = 0; count < 5; count++) wait(4, 1.9);
  assert.deepEqual([moments.isExpected, moments.areShort], [false, false]);
});

test('the figures are read for one in two milliseconds, and for none where nothing was long', () => {
  let reads = 0;
  const moments = new Moments(() => {
    reads++;
    return IDLE;
  });
  let now = 1_000;
  const take = (duration: number): void => {
    moments.begin(now, true);
    now += duration;
    moments.end(now);
  };
  for (let count = 0; count < 64; count++) take(0.5);
  assert.equal(reads, 16);
  for (let count = 0; count < 100; count++) take(0.5);
  assert.equal(reads, 16);
});

test('the longer one was the longer it is remembered, unless nothing is done for seconds', () => {
  const moments = take(new Moments(() => IDLE), ...times(1_000, 0.1));
  assert.equal(take(moments, 10).areShort, true);
  assert.equal(take(moments, 250).areShort, false);
  assert.equal(take(moments, ...times(31, 0.1)).areShort, false);
  assert.equal(take(moments, 0.1).areShort, true);
  take(moments, 250);
  for (let second = 0; second < 4; second++) moments.forget();
  assert.equal(moments.areShort, true);
});
