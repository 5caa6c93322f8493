import assert from 'node:assert/strict';
import test from 'node:test';
import { Renewals } from '../../../../build/worker/lifecycle/renewals.js';

const keys = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);

test('of keys that came too early the last ones are taken, and the others overwritten', () => {
  const renewals = new Renewals();
  const [first, second, third] = [keys(1), keys(2), keys(3)];
  renewals.bring(first);
  renewals.bring(second);
  const taken: Uint8Array[] = [];
  renewals.onTicketKeys((next) => taken.push(next));
  assert.deepEqual(taken, [second]);
  renewals.bring(third);
  assert.deepEqual(taken, [second, third]);
  assert.deepEqual(first, keys(0));
});

test('without a renewal nothing is taken', () => {
  new Renewals().onTicketKeys(() => assert.fail('there is nothing to take'));
});
