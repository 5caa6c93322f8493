import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { parseMail, ROOM } from '../../../../build/protocol/mail.js';
import { parseMessage } from '../../../../build/protocol/messages.js';
import { Outgoing } from '../../../../build/worker/lifecycle/outgoing.js';

/** A pipe that takes this many bytes, and then no more until it is read. */
class Pipe {
  room = 0;
  gone = false;
  pauses = 0;
  #text = '';
  /** What a reader does while the process stands still. */
  onPause: () => void = () => undefined;
  readonly outgoing = new Outgoing(
    (bytes) => {
      if (this.gone) return undefined;
      const taken = Math.min(this.room, bytes.length);
      this.#text += Buffer.from(bytes).toString('latin1', 0, taken);
      this.room -= taken;
      return taken;
    },
    () => {
      this.pauses++;
      this.onPause();
    },
  );

  send(message: unknown): void {
    this.outgoing.tell({ type: 'user', text: JSON.stringify(message) });
  }

  get messages(): unknown[] {
    // After the last end of a line, there is only half a line.
    const lines = this.#text
      .split('\n')
      .slice(0, -1)
      .filter((line) => line !== '');
    return lines.map((line) => {
      const message = parseMail(line) ?? parseMessage(line);
      return message?.type === 'user' ? message.message : message?.type;
    });
  }
}

test('what the pipe takes is written at once', () => {
  const pipe = new Pipe();
  pipe.room = 1e6;
  pipe.send(1);
  pipe.outgoing.tell({ type: 'ready' });
  pipe.send(2);
  assert.deepEqual(pipe.messages, [1, 'ready', 2]);
});

test('what it does not take waits in order, is tried again, and makes nobody stand still', async () => {
  const pipe = new Pipe();
  for (let count = 0; count < 100; count++) pipe.send(count);
  pipe.outgoing.tell({ type: 'heard', thread: 0, to: 3 });
  assert.deepEqual([pipe.messages, pipe.pauses], [[], 0]);
  const expected = [...Array(100).keys(), 'heard'];
  while (pipe.messages.length < expected.length) {
    pipe.room = 37;
    await delay(2);
  }
  assert.deepEqual(pipe.messages, expected);
});

test('the own words of a worker get a moment, behind what waits', () => {
  const pipe = new Pipe();
  pipe.send(1);
  pipe.onPause = () => {
    if (pipe.pauses === 3) pipe.room = 1e6;
  };
  pipe.outgoing.tell({ type: 'ready' });
  assert.deepEqual([pipe.messages, pipe.pauses], [[1, 'ready'], 3]);
});

test('the last words too, and no more than a moment', () => {
  const pipe = new Pipe();
  pipe.send(1);
  pipe.onPause = () => {
    if (pipe.pauses === 3) pipe.room = 1e6;
  };
  pipe.outgoing.end();
  assert.deepEqual([pipe.messages, pipe.pauses], [[1], 3]);
  // Now an exit handler of the application sends.
  pipe.room = 0;
  pipe.onPause = () => undefined;
  pipe.send(2);
  assert.equal(pipe.pauses, 103);
  // Nobody reads. Waiting once is enough.
  pipe.send(3);
  assert.equal(pipe.pauses, 103);
});

test('the last words: as long as the master reads, but not for ever', () => {
  const slow = (messages: number): Pipe => {
    const pipe = new Pipe();
    for (let count = 0; count < messages; count++) pipe.send('x'.repeat(100));
    pipe.onPause = () => {
      pipe.room = pipe.pauses % 20 === 0 ? 5_000 : 0;
    };
    pipe.outgoing.end();
    return pipe;
  };
  const [some, many] = [slow(1_000), slow(10_000)];
  assert.equal(some.messages.length, 1_000);
  assert.ok(some.pauses > 400, `${some.pauses} pauses`);
  assert.equal(many.pauses, 1_000);
});

test('room: beyond it the sender is told, and what was taken before arrives', () => {
  const pipe = new Pipe();
  for (let count = 0; count < ROOM.count; count++) pipe.send(count);
  assert.throws(() => pipe.send('more'), { code: 'ERR_MESSAGE_ROOM', message: /at most 65536 messages, or 16777216 / });
  // The worker's own words do not count as messages of the application.
  pipe.outgoing.tell({ type: 'heard', thread: 0, to: 1 });
  // The pipe is tried once more before a message is refused.
  pipe.room = 1e9;
  pipe.send('last');
  assert.deepEqual(pipe.messages, [...Array(ROOM.count).keys(), 'heard', 'last']);
});

test('room: long messages', () => {
  const pipe = new Pipe();
  const long = 'x'.repeat((1 << 20) - 2);
  for (let count = 0; count < 16; count++) pipe.send(long);
  assert.throws(() => pipe.send(''), { code: 'ERR_MESSAGE_ROOM' });
});

test('a master that is gone gets nothing, and nobody waits for it', () => {
  const pipe = new Pipe();
  pipe.send(1);
  pipe.gone = true;
  pipe.outgoing.tell({ type: 'ready' });
  for (let count = 0; count <= ROOM.count; count++) pipe.send(count);
  assert.deepEqual([pipe.messages, pipe.pauses], [[], 0]);
});

test('a message of a thread is told to have been taken once it has, and counts for nobody else', () => {
  const pipe = new Pipe();
  const taken: number[] = [];
  for (const number of [1, 2, 3])
    pipe.outgoing.forward({ type: 'user', text: String(number), thread: number }, () => taken.push(number));
  assert.deepEqual(taken, []);
  pipe.room = 1e6;
  pipe.outgoing.end();
  assert.deepEqual(
    [taken, pipe.messages],
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  );
});

test('whatever the pipe takes, each message arrives once, in order', () => {
  const step = fc.oneof(fc.record({ send: fc.string() }), fc.record({ room: fc.nat(200) }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const pipe = new Pipe();
      const sent: unknown[] = [];
      for (const each of steps) {
        if ('send' in each) {
          const text = Buffer.from(each.send).toString('base64');
          sent.push(text);
          pipe.send(text);
        } else {
          pipe.room += each.room;
          pipe.outgoing.forward({ type: 'user', text: '0' }, () => undefined);
          sent.push(0);
        }
        assert.deepEqual(pipe.messages, sent.slice(0, pipe.messages.length));
      }
      pipe.room = 1e6;
      pipe.outgoing.end();
      assert.deepEqual(pipe.messages, sent);
    }),
  );
});
