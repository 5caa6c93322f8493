import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Loss, Outbox } from '../../../../build/master/workers/outbox.js';
import { type Letter, parseLetter, ROOM, type Unheard } from '../../../../build/protocol/mail.js';

/** Sends messages, and notes what became of each, by its text. */
class Sender {
  readonly ends = new Map<string, Loss | 'heard'>();
  readonly outbox = new Outbox();

  post(text: string, thread = 0): boolean {
    return this.outbox.post({ thread, text }, (loss) => {
      assert.equal(this.ends.has(text), false, `${text} was settled twice`);
      this.ends.set(text, loss ?? 'heard');
    });
  }

  /** All lines that the outbox has for the pipe. */
  letters(most = 1): Letter[] {
    const letters: Letter[] = [];
    for (let lines = this.outbox.next(most); lines !== undefined; lines = this.outbox.next(most))
      letters.push(
        ...lines
          .trimEnd()
          .split('\n')
          .map((line) => parseLetter(line) as Letter),
      );
    return letters;
  }
}

const ENDED: Loss = { why: 'ended', threads: [], unsure: true };

test('before a worker is up nothing is written, then all, in order', () => {
  const sender = new Sender();
  for (const text of ['1', '2', '3']) assert.equal(sender.post(text), true);
  assert.deepEqual(sender.letters(), []);
  sender.outbox.open();
  assert.deepEqual(
    sender.letters().map(({ text }) => text),
    ['1', '2', '3'],
  );
  sender.outbox.take({ type: 'heard', thread: 0, to: 2 });
  assert.deepEqual(
    [...sender.ends],
    [
      ['1', 'heard'],
      ['2', 'heard'],
    ],
  );
  sender.outbox.take({ type: 'heard', thread: 0, to: 3, not: 'nobody' });
  assert.deepEqual(sender.ends.get('3'), { why: 'nobody', threads: [0], unsure: false });
});

test('a piece is about as long as it may be', () => {
  const sender = new Sender();
  sender.outbox.open();
  for (let count = 0; count < 10; count++) sender.post(`"${count}${'x'.repeat(98)}"`);
  assert.equal(sender.outbox.next(300)?.split('\n').length, 4);
  assert.equal(sender.outbox.next(1 << 20)?.split('\n').length, 8);
  assert.equal(sender.outbox.next(1), undefined);
});

test('what was written may have been heard when the worker ends, and what was not has not', () => {
  const sender = new Sender();
  sender.outbox.open();
  for (const text of ['1', '2', '3']) sender.post(text);
  sender.outbox.next(1);
  sender.outbox.close();
  assert.deepEqual([...sender.ends.values()], [ENDED, { ...ENDED, unsure: false }, { ...ENDED, unsure: false }]);
  // The handle of an ended worker lives on for a moment.
  sender.post('late');
  assert.deepEqual(sender.ends.get('late'), { ...ENDED, unsure: false });
});

test('a message for all threads is heard when each has heard it; one that is named, when that one has', () => {
  const sender = new Sender();
  sender.outbox.setThreads(2);
  sender.outbox.open();
  sender.post('all');
  sender.post('second', 2);
  sender.post('third', 3);
  assert.deepEqual(
    sender.letters().map(({ thread, text }) => [thread, text]),
    [
      [0, 'all'],
      [2, 'second'],
    ],
  );
  assert.deepEqual(sender.ends.get('third'), { why: 'absent', threads: [3], unsure: false });
  sender.outbox.take({ type: 'heard', thread: 2, to: 2 });
  assert.deepEqual([sender.ends.get('all'), sender.ends.get('second')], [undefined, 'heard']);
  sender.outbox.take({ type: 'heard', thread: 1, to: 1, not: 'thread' });
  assert.deepEqual(sender.ends.get('all'), { why: 'thread', threads: [1], unsure: true });
});

test('what a worker leaves behind is settled in the order in which it was posted, whichever thread was ahead', () => {
  const sender = new Sender();
  sender.outbox.setThreads(2);
  sender.outbox.open();
  for (const text of ['1', '2', '3']) sender.post(text);
  sender.letters();
  sender.post('4');
  // Now the second message is the first one that is left in the first lane.
  sender.outbox.take({ type: 'heard', thread: 1, to: 1 });
  sender.outbox.close();
  assert.deepEqual([...sender.ends.keys()], ['1', '2', '3', '4']);
});

test('a thread is named only in a worker that has threads', () => {
  const sender = new Sender();
  sender.outbox.open();
  sender.post('first', 1);
  assert.deepEqual(
    [sender.letters(), sender.ends.get('first')?.valueOf()],
    [[], { why: 'absent', threads: [1], unsure: false }],
  );
});

test('room is what is under way, wherever it is, and comes back with each that is settled', () => {
  const sender = new Sender();
  sender.outbox.open();
  for (let count = 0; count < ROOM.count; count++) sender.post(String(count));
  assert.equal(sender.post('more'), false);
  assert.equal(sender.letters(1 << 16).length, ROOM.count);
  assert.equal(sender.post('more'), false);
  sender.outbox.take({ type: 'heard', thread: 0, to: 1 });
  assert.deepEqual([sender.post('more'), sender.post('even more')], [true, false]);
  assert.equal(sender.ends.has('even more'), false);
});

test('room: of long messages there may be fewer', () => {
  const sender = new Sender();
  const most = ROOM.size / (1 << 20);
  for (let count = 0; count < most; count++) assert.equal(sender.post(String(count).padEnd(1 << 20)), true);
  assert.equal(sender.post('1'), false);
});

test('nonsense settles nothing that was not sent', () => {
  const sender = new Sender();
  sender.outbox.take({ type: 'heard', thread: 0, to: 5 });
  sender.outbox.open();
  sender.post('1');
  for (const [thread, to] of [
    [0, 9],
    [1, 1],
    [7, 1],
  ] as const)
    sender.outbox.take({ type: 'heard', thread, to });
  assert.equal(sender.ends.size, 0);
  sender.letters();
  sender.outbox.take({ type: 'heard', thread: 3, to: 1 });
  assert.equal(sender.ends.size, 0);
  sender.outbox.take({ type: 'heard', thread: 0, to: Number.MAX_SAFE_INTEGER });
  assert.deepEqual([...sender.ends], [['1', 'heard']]);
});

const STEP = fc.oneof(
  fc.record({ step: fc.constant('post' as const), thread: fc.nat(3) }),
  fc.record({ step: fc.constant('write' as const), most: fc.integer({ min: 1, max: 60 }) }),
  fc.record({
    step: fc.constant('hear' as const),
    thread: fc.integer({ min: 1, max: 3 }),
    more: fc.nat(3),
    not: fc.constantFrom<Unheard | undefined>(undefined, undefined, 'nobody', 'thread'),
  }),
);

test('whatever happens in whatever order, each message is settled once, in the order of its lane, and as its lanes said', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
      const sender = new Sender();
      sender.outbox.setThreads(3);
      sender.outbox.open();
      const lanes = [1, 2, 3].map(() => ({ texts: [] as string[], heard: 0 }));
      const lost = new Set<string>();
      let posted = 0;
      for (const each of steps) {
        if (each.step === 'post') sender.post(String(++posted), each.thread);
        else if (each.step === 'write') {
          for (const line of sender.outbox.next(each.most)?.trimEnd().split('\n') ?? []) {
            const { thread, text } = parseLetter(line) as Letter;
            for (const { texts } of thread === 0 ? lanes : lanes.slice(thread - 1, thread)) texts.push(text);
          }
        } else {
          const lane = lanes[each.thread - 1] as (typeof lanes)[0];
          const to = Math.min(lane.texts.length, lane.heard + each.more);
          if (each.not) for (const text of lane.texts.slice(lane.heard, to)) lost.add(text);
          lane.heard = to;
          sender.outbox.take({ type: 'heard', thread: each.thread, to, ...(each.not && { not: each.not }) });
        }
        for (const text of sender.ends.keys())
          for (const { texts, heard } of lanes) assert.ok(!texts.includes(text) || texts.indexOf(text) < heard);
      }
      const settled = new Set(sender.ends.keys());
      for (const { texts } of lanes)
        assert.deepEqual(
          texts,
          [...texts].sort((a, b) => Number(a) - Number(b)),
        );
      sender.outbox.close();
      assert.equal(sender.ends.size, posted);
      for (const [text, end] of sender.ends)
        assert.equal(end === 'heard', settled.has(text) && !lost.has(text), `message ${text}`);
    }),
  );
});
