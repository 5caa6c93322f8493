import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Turns } from '../../../../build/worker/admission/turns.js';

let idle: number;
let turns: Turns;

beforeEach(() => {
  idle = 0;
  turns = new Turns({ now: () => 0, idle: () => idle });
  turns.had(100);
});

test('for five milliseconds behind the last turn of the queue, places are of who is here', () => {
  assert.deepEqual([turns.isOurs(100), turns.isOurs(104.9)], [true, true]);
  turns.left();
  assert.deepEqual([turns.isDue(104.9), turns.isDue(105), turns.isOurs(105)], [false, true, false]);
});

test('who comes, or nobody, in a turn of the queue begins the time anew', () => {
  turns.left();
  turns.had(200);
  assert.deepEqual([turns.isDue(204), turns.isOurs(204)], [false, true]);
});

test('a loop that has waited with a free place has asked the queue: that counts as a turn', () => {
  turns.left();
  idle = 1;
  assert.equal(turns.isOurs(300), true);
  assert.equal(turns.isDue(304), false);
  assert.equal(turns.isOurs(305), false);
});

test('a loop that has been idle while a place was taken has asked nobody', () => {
  turns.left();
  turns.held();
  idle = 7;
  turns.left();
  assert.equal(turns.isOurs(300), false);
});
