import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeOrder, parseOrder } from '../../../dist/protocol/orders.js';

test('an order is a line, and comes back as it was', () => {
  for (const order of ['drain', 'quit', 'stay'] as const) {
    const [line, ...rest] = encodeOrder(order).split('\n');
    assert.deepEqual([parseOrder(line ?? ''), rest], [order, ['']]);
  }
});

test('what is no order is none', () => {
  for (const line of ['', 'DRAIN', 'drain ', 'toString', '__proto__', '{}']) assert.equal(parseOrder(line), undefined);
});
