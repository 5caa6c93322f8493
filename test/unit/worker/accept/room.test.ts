import assert from 'node:assert/strict';
import test from 'node:test';
import { FreeTime } from '../../../../build/worker/accept/room.js';

test('one place is free while the event loop waits and it is not taken; many, while one of them is', () => {
  const clock = { now: 0, idle: 0 };
  const pass = (now: number, idle: number): void => {
    clock.now += now;
    clock.idle += idle;
  };
  const time = { now: () => clock.now, idle: () => clock.idle };
  const [one, many] = [new FreeTime(1, time), new FreeTime(2, time)];
  const both = (): number[] => [one.sum, many.sum];
  pass(5, 5);
  assert.deepEqual(both(), [0, 0]);
  for (const each of [one, many, one, many]) each.begin();
  pass(10, 4);
  assert.deepEqual(both(), [4, 10]);
  for (const each of [one, many, one, many]) each.end();
  pass(100, 100);
  assert.deepEqual(both(), [4, 10]);
  for (const each of [one, many]) each.begin();
  pass(1, 1);
  assert.deepEqual(both(), [5, 11]);
});
