import assert from 'node:assert/strict';
import test from 'node:test';
import type { Letter } from '../../../../build/protocol/mail.js';
import type { Said } from '../../../../build/protocol/messages.js';
import { Allowance, Mail } from '../../../../build/worker/threads/mail.js';
import type { ThreadOrder } from '../../../../build/worker/threads/messages.js';

class Thread {
  readonly number: number;
  readonly allowance = new Allowance();
  readonly texts: string[] = [];
  constructor(number: number) {
    this.number = number;
  }
  order(order: ThreadOrder): void {
    if (order.type === 'messages') this.texts.push(...order.texts);
  }
}

function opened(threads: number): {
  mail: Mail;
  said: Said[];
  taken: (() => void)[];
  deliver(...letters: Letter[]): void;
} {
  const mail = new Mail();
  const said: Said[] = [];
  const taken: (() => void)[] = [];
  let deliver: (letters: readonly Letter[]) => void = () => undefined;
  mail.open(threads, {
    tell: (message) => said.push(message),
    forward(message, onTaken) {
      said.push(message);
      taken.push(onTaken);
    },
    onLetters: (act) => {
      deliver = act;
    },
  });
  assert.deepEqual(said.splice(0), [{ type: 'lanes', count: threads }]);
  return { mail, said, taken, deliver: (...letters) => deliver(letters) };
}

const READY = { type: 'ready' } as const;

test('each thread gets what is for it, once it is up', () => {
  const { mail, deliver } = opened(2);
  const [first, second] = [new Thread(1), new Thread(2)];
  assert.equal(mail.hears(first, READY), false);
  deliver({ thread: 0, text: 'a' }, { thread: 2, text: 'b' }, { thread: 1, text: 'c' }, { thread: 9, text: 'd' });
  assert.deepEqual([first.texts, second.texts], [['a', 'c'], []]);
  assert.equal(mail.hears(second, { type: 'spare' }), false);
  mail.hears(second, READY);
  assert.deepEqual(second.texts, ['a', 'b']);
});

test('what a thread that ends has not heard is lost, and what comes then is for its successor', () => {
  const { mail, said, deliver } = opened(2);
  const [one, two, next] = [new Thread(1), new Thread(2), new Thread(2)];
  for (const thread of [one, two]) mail.hears(thread, READY);
  const all = (text: string): Letter => ({ thread: 0, text });
  deliver(all('1'), all('2'), all('3'));
  assert.equal(mail.hears(two, { type: 'heard', thread: 2, to: 1 }), true);
  mail.close(two);
  deliver(all('4'));
  // The new thread counts from 1 again. Its messages come after those that are lost.
  mail.hears(next, READY);
  assert.deepEqual(next.texts, ['4']);
  mail.hears(next, { type: 'heard', thread: 2, to: 1, not: 'nobody' });
  mail.hears(one, { type: 'heard', thread: 1, to: 4 });
  assert.deepEqual(said, [
    { type: 'heard', thread: 2, to: 1 },
    { type: 'heard', thread: 2, to: 3, not: 'thread' },
    { type: 'heard', thread: 2, to: 4, not: 'nobody' },
    { type: 'heard', thread: 1, to: 4 },
  ]);
});

test('one that was given up says nothing that counts any more', () => {
  const { mail, said, deliver } = opened(1);
  const [lost, next] = [new Thread(1), new Thread(1)];
  mail.hears(lost, READY);
  deliver({ thread: 0, text: '1' });
  mail.hears(next, READY);
  assert.deepEqual(said.splice(0), [{ type: 'heard', thread: 1, to: 1, not: 'thread' }]);
  deliver({ thread: 0, text: '2' });
  assert.equal(mail.hears(lost, { type: 'heard', thread: 1, to: 1 }), true);
  mail.close(lost);
  assert.deepEqual([said, next.texts], [[], ['2']]);
  mail.hears(next, { type: 'heard', thread: 1, to: 1 });
  assert.deepEqual(said, [{ type: 'heard', thread: 1, to: 2 }]);
});

test('a message of a thread goes up with its number, and gives its room back when the pipe has taken it', () => {
  const { mail, said, taken } = opened(2);
  const thread = new Thread(2);
  thread.allowance.take(3);
  assert.equal(mail.hears(thread, { type: 'user', text: '"x"', thread: 7 }), true);
  assert.deepEqual(said, [{ type: 'user', text: '"x"', thread: 2 }]);
  assert.deepEqual([thread.allowance.count, thread.allowance.size], [1, 3]);
  taken[0]?.();
  assert.deepEqual([thread.allowance.count, thread.allowance.size], [0, 0]);
});
