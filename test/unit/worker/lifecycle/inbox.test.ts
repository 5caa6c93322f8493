import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Receipt } from '../../../../build/protocol/mail.js';
import { Inbox } from '../../../../build/worker/lifecycle/inbox.js';

function opened(thread = 0): { inbox: Inbox; receipts: Omit<Receipt, 'type'>[]; errors: unknown[] } {
  const inbox = new Inbox();
  const receipts: Omit<Receipt, 'type'>[] = [];
  const errors: unknown[] = [];
  inbox.open(thread, { tell: ({ type, ...rest }) => receipts.push(rest), onError: (error) => errors.push(error) });
  return { inbox, receipts, errors };
}

/**
 * No time passes, so all that has come is read at once. Otherwise, a thread that waits for a CPU would find its slice
 * over.
 */
const standStill = (t: TestContext): unknown => t.mock.method(performance, 'now', () => 0);

const texts = (...messages: unknown[]): string[] => messages.map((message) => JSON.stringify(message));

test('messages are heard in order, and told of together', (t) => {
  standStill(t);
  const { inbox, receipts } = opened(2);
  const heard: unknown[] = [];
  inbox.on('message', (message) => heard.push(message), false);
  inbox.take(texts(1, { a: [null] }, 'three'));
  assert.deepEqual(heard, [1, { a: [null] }, 'three']);
  inbox.take(texts(4));
  assert.deepEqual(receipts, [
    { thread: 2, to: 3 },
    { thread: 2, to: 4 },
  ]);
});

test('where nobody listens a message is lost, and that is told apart from those that were heard', (t) => {
  standStill(t);
  const { inbox, receipts } = opened();
  inbox.take(texts(1, 2));
  const heard: unknown[] = [];
  inbox.on('message', (message) => heard.push(message), true);
  inbox.take(texts(3, 4));
  assert.deepEqual(heard, [3]);
  assert.deepEqual(receipts, [
    { thread: 0, to: 2, not: 'nobody' },
    { thread: 0, to: 3 },
    { thread: 0, to: 4, not: 'nobody' },
  ]);
});

test("listeners are an EventEmitter's: the same twice, removed once, others removed on the way", (t) => {
  standStill(t);
  const { inbox } = opened();
  const heard: string[] = [];
  const twice = (): unknown => heard.push('twice');
  const remover = (): void => {
    heard.push('remover');
    inbox.off('message', twice);
  };
  inbox.on('message', remover, false);
  inbox.on('message', twice, false);
  inbox.on('message', twice, false);
  inbox.take(texts(1, 2, 3));
  assert.deepEqual(heard, ['remover', 'twice', 'twice', 'remover', 'twice', 'remover']);
  for (const method of ['on', 'off'] as const) {
    assert.throws(() => inbox[method]('messages', twice, false), /expected the event 'message', got 'messages'/);
    assert.throws(() => inbox[method]('message', 7 as never, false), /expected a function, got 7/);
  }
});

test('what a listener throws, or rejects with, is told, the others are called, and the message was heard', async () => {
  const { inbox, receipts, errors } = opened();
  const heard: unknown[] = [];
  inbox.on('message', () => assert.fail('thrown'), false);
  inbox.on('message', async () => assert.fail('rejected'), false);
  inbox.on('message', (message) => heard.push(message), false);
  inbox.take(texts(1));
  await turn();
  assert.deepEqual(heard, [1]);
  assert.deepEqual(
    errors.map((error) => (error as Error).message),
    ['thrown', 'rejected'],
  );
  assert.deepEqual(receipts, [{ thread: 0, to: 1 }]);
});

test('slow listeners leave turns to others; an end on the way tells how far they have come', async () => {
  const { inbox, receipts } = opened();
  let heard = 0;
  const listener = (): void => {
    heard++;
    for (const end = performance.now() + 2; performance.now() < end; );
    // As at the 'exit' of the process: the message that is being heard is not counted.
    if (heard === 2) inbox.flush();
  };
  inbox.on('message', listener, false);
  inbox.take(texts(...Array(10).keys()));
  assert.ok(heard < 10, `${heard} of 10 in one turn`);
  assert.deepEqual(receipts[0], { thread: 0, to: 1 });
  for (let turns = 0; heard < 10; turns++) {
    assert.ok(turns < 10);
    await turn();
  }
  await turn();
  assert.deepEqual(receipts.at(-1), { thread: 0, to: 10 });
});
