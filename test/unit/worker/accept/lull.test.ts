import assert from 'node:assert/strict';
import test from 'node:test';
import { Lull } from '../../../../build/worker/accept/lull.js';

test('what the event loop is idle for counts while an answer is waited for, until the places are free', () => {
  let idle = 100;
  const lull = new Lull({ idle: () => idle });
  const pass = (time: number): void => {
    idle += time;
  };
  pass(5);
  assert.equal(lull.take(), 0);
  lull.begin();
  pass(1);
  lull.begin();
  pass(2);
  lull.end();
  pass(10);
  lull.end();
  // The next request of the line has the same place.
  lull.begin();
  pass(4);
  assert.equal(lull.take(), 7);
  pass(10);
  assert.equal(lull.take(), 0);
  // A handler that runs before the places are known to be taken.
  lull.begin();
  pass(8);
  lull.restart();
  pass(3);
  assert.equal(lull.take(), 3);
});
