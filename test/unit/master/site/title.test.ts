import assert from 'node:assert/strict';
import test from 'node:test';
import { setTitle } from '../../../../build/master/site/title.js';

/* The command line of a test is long enough for any of these titles. */

test('the host gets its title back when the last Arbiter has stopped, in whatever order', () => {
  const before = process.title;
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ]) {
    const undo = ['a', 'b', 'c'].map((name) => setTitle(name));
    assert.equal(process.title, 'prefork: master [c]');
    const left = ['a', 'b', 'c'];
    for (const index of order) {
      undo[index]?.();
      left.splice(left.indexOf('abc'[index] as string), 1);
      assert.equal(process.title, left.length === 0 ? before : `prefork: master [${left.at(-1)}]`);
    }
  }
});

test('a title that somebody has changed stays', () => {
  const before = process.title;
  const undo = setTitle('a');
  process.title = 'own';
  undo();
  assert.equal(process.title, 'own');
  process.title = before;
});
