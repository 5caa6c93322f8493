import assert from 'node:assert/strict';
import test from 'node:test';
import {
  encodeAsk,
  encodeOrder,
  encodeServe,
  encodeTicketKeys,
  parseAsk,
  parseOrder,
  parseServe,
  parseTicketKeys,
} from '../../../build/protocol/orders.js';

test('an order is a line, and comes back as it was', () => {
  for (const order of ['drain', 'quit', 'stay'] as const) {
    const [line, ...rest] = encodeOrder(order).split('\n');
    assert.deepEqual([parseOrder(line ?? ''), rest], [order, ['']]);
  }
});

test('the order to take a slot is a line of its own', () => {
  assert.deepEqual(encodeServe(12).split('\n').map(parseServe), [12, undefined]);
  assert.deepEqual([parseOrder('serve 12'), parseServe('drain')], [undefined, undefined]);
  for (const line of ['serve ', 'serve 0', 'serve -1', 'serve 1.5', 'serve x', 'serve', 'serve 1e99'])
    assert.equal(parseServe(line), undefined, line);
});

test('the order to say what is being done is a line of its own', () => {
  assert.deepEqual(encodeAsk(255).split('\n').map(parseAsk), [255, undefined]);
  assert.deepEqual(
    [parseOrder('stacks 1'), parseServe('stacks 1'), parseAsk('serve 1')],
    [undefined, undefined, undefined],
  );
  for (const line of ['stacks ', 'stacks 0', 'stacks -1', 'stacks 1.5', 'stacks x', 'stacks'])
    assert.equal(parseAsk(line), undefined, line);
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
