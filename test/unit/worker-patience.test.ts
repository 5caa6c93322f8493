import assert from 'node:assert/strict';
import test from 'node:test';
import { Patience } from '../../dist/worker/patience.js';

test('patience is for one silent newcomer, and for one more every five seconds', () => {
  const patience = new Patience();
  const take = (now: number, count = 5): boolean[] => Array.from({ length: count }, () => patience.take(now));
  assert.deepEqual(take(1_000), [true, false, false, false, false]);
  assert.deepEqual(take(5_999), [false, false, false, false, false]);
  assert.deepEqual(take(6_000), [true, false, false, false, false]);
  // As in the beginning, and not more.
  assert.deepEqual(take(1_000_000), [true, false, false, false, false]);
});

test('patience does not end while it is worth it', () => {
  const patience = new Patience();
  for (let count = 0; count < 1_000; count++) {
    assert.ok(patience.take(0));
    patience.repay(0);
  }
});

test('patience in vain is no longer than what was worth it, and a hundredth of the time', () => {
  const patience = new Patience();
  let [vain, worth] = [0, 0];
  for (let now = 0; now < 100_000; now += 10) {
    if (!patience.take(now)) continue;
    // Every other one is silent; the others let wait for 4 ms.
    if (now % 20 === 0) vain += 50;
    else {
      worth += 4;
      patience.repay(4);
    }
  }
  assert.ok(vain <= 50 + worth + 1_000, `${vain} ms in vain, ${worth} ms not`);
  assert.ok(vain >= 1_000, 'one that is silent now and then does not end it');
});
