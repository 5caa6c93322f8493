import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeOrder, encodeTicketKeys, parseOrder, parseTicketKeys } from '../../../build/protocol/orders.js';

test('an order is a line, and comes back as it was', () => {
  for (const order of ['drain', 'quit', 'stay'] as const) {
    const [line, ...rest] = encodeOrder(order).split('\n');
    assert.deepEqual([parseOrder(line ?? ''), rest], [order, ['']]);
  }
});

test('what is no order is none', () => {
  for (const line of ['', 'DRAIN', 'drain ', 'toString', '__proto__', '{}']) assert.equal(parseOrder(line), undefined);
});

test('ticket keys are a line, which is no order', () => {
  const keys = Buffer.from(Array.from({ length: 48 }, (_, index) => 200 + index));
  const [line = '', ...rest] = encodeTicketKeys(keys).split('\n');
  assert.deepEqual([parseTicketKeys(line), parseOrder(line), rest], [keys, undefined, ['']]);
  for (const other of ['', 'drain', 'tickets', 'tickets ', 'tickets AAAA', `${line}AAAA`])
    assert.equal(parseTicketKeys(other), undefined, other);
});
