import assert from 'node:assert/strict';
import test from 'node:test';
import { Crowd } from '../../../../build/worker/admission/crowd.js';

test('one connection gives way for three in a row that had waited', () => {
  const crowd = new Crowd();
  for (let count = 0; count < 7; count++) crowd.add();
  assert.deepEqual([crowd.isWaiting, crowd.giveWay(), crowd.giveWay(), crowd.giveWay()], [true, true, true, false]);
  assert.equal(crowd.isWaiting, false);
});

test('a turn that brings nobody ends it', () => {
  const crowd = new Crowd();
  for (let count = 0; count < 5; count++) crowd.add();
  crowd.clear();
  assert.deepEqual([crowd.isWaiting, crowd.giveWay()], [false, false]);
  crowd.add();
  crowd.add();
  assert.equal(crowd.isWaiting, false);
});
