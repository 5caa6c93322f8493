import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Fifo } from '../../../build/protocol/fifo.js';
import { encodeLetter, encodeMail, parseLetter, parseMail } from '../../../build/protocol/mail.js';
import { encodeMessage, parseMessage, userText } from '../../../build/protocol/messages.js';
import { parseOrder, parseServe } from '../../../build/protocol/orders.js';

test('a letter is one line, which is no order, and comes back as it was', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.jsonValue(), (thread, message) => {
      const text = userText(message);
      const [line = '', ...rest] = encodeLetter({ thread, text }).split('\n');
      assert.deepEqual([parseLetter(line), rest], [{ thread, text }, ['']]);
      assert.deepEqual([parseOrder(line), parseServe(line)], [undefined, undefined]);
    }),
  );
});

test('what is no letter is none', () => {
  for (const line of [
    '',
    'drain',
    'message',
    'message ',
    'message x 1',
    'message  1',
    'message -1 1',
    'message 1.5 1',
    'MESSAGE 0 1',
  ])
    assert.equal(parseLetter(line), undefined, line);
});

test('a message that goes up is written as the text that it is, and parsed once', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.option(fc.nat(9), { nil: undefined }), (message, thread) => {
      const at = thread === undefined ? {} : { thread };
      const line = encodeMessage({ type: 'user', text: userText(message), ...at });
      assert.deepEqual(parseMessage(line.trim()), {
        type: 'user',
        message: JSON.parse(JSON.stringify(message)),
        ...at,
      });
    }),
  );
});

test('what JSON, or its length, is against is refused where it is sent', () => {
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  for (const message of [undefined, () => undefined, Symbol('s'), cyclic, 1n])
    assert.throws(() => userText(message), TypeError);
  assert.throws(() => userText('x'.repeat(1 << 20)), {
    name: 'RangeError',
    message: /at most 1047552 characters .*got 1048578/,
  });
});

test('receipts and lanes: a line each, and what has another shape is none', () => {
  const heard = { type: 'heard', thread: 2, to: 7 } as const;
  const mail = [heard, { ...heard, not: 'nobody' }, { ...heard, not: 'thread' }, { type: 'lanes', count: 4 }] as const;
  for (const each of mail) {
    assert.deepEqual(parseMail(encodeMail(each)), each);
    assert.equal(encodeMessage(each), `\n${encodeMail(each)}\n`);
  }
  for (const line of [
    'heard',
    'heard 1',
    'heard 1 x',
    'heard -1 2',
    'heard 1.5 2',
    'heard 1 1e3',
    'heard 1  2',
    'heard 1 2 why',
    'heard 1 2 nobody 3',
    `heard 0 ${'9'.repeat(20)}`,
  ])
    assert.equal(parseMail(line), undefined, line);
  for (const line of ['lanes', 'lanes 0', 'lanes x', 'lanes 1 2', 'lanes 65537', '{"type":"lanes","count":4}', ''])
    assert.equal(parseMail(line), undefined, line);
});

test('a fifo gives what it got, in order, whatever comes between', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -2_000, max: 2_000 }), { maxLength: 30 }), (steps) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const step of steps) {
        for (let count = 0; count < step; count++) {
          fifo.push(next);
          model.push(next++);
        }
        for (let count = 0; count > step; count--) assert.equal(fifo.shift(), model.shift());
        assert.deepEqual([fifo.length, fifo.first], [model.length, model[0]]);
      }
      fifo.clear();
      assert.deepEqual([fifo.length, fifo.shift()], [0, undefined]);
    }),
  );
});
