import assert from 'node:assert/strict';
import test from 'node:test';
import { ArbiterError } from '../../../../build/errors.js';
import { type ArbiterState, checkMove, refusal } from '../../../../build/master/loop/states.js';

const LEGAL: Readonly<Record<ArbiterState, readonly ArbiterState[]>> = {
  // An Arbiter may stop before it was started, or because it could not be bound.
  idle: ['starting', 'stopped'],
  starting: ['running', 'stopping', 'stopped'],
  running: ['reloading', 'stopping'],
  reloading: ['running', 'stopping'],
  stopping: ['stopped'],
  // An Arbiter is started only once.
  stopped: [],
};
const STATES = Object.keys(LEGAL) as ArbiterState[];

for (const from of STATES) {
  for (const to of STATES) {
    const legal = LEGAL[from].includes(to);
    test(`${from} -> ${to} is ${legal ? 'legal' : 'a defect'}`, () => {
      if (legal) checkMove(from, to);
      else assert.throws(() => checkMove(from, to), new RegExp(`illegal move from ${from} to ${to}`));
    });
  }
}

test('each state refuses with words of its own', () => {
  const messages = STATES.map((state) => {
    const error = refusal('scale', state);
    assert.ok(error instanceof ArbiterError);
    assert.equal(error.code, 'ERR_STATE');
    assert.match(error.message, /^scale: the arbiter \S/);
    return error.message;
  });
  assert.equal(new Set(messages).size, STATES.length);
  assert.match(refusal('start', 'stopped').message, /make a new one/);
});
