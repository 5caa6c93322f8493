import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LineWriter } from '../../../build/log/line-writer.js';

const lossText = (count: number): string => `lost ${count}\n`;
const failing = (code: string): never => {
  throw Object.assign(new Error(code), { code });
};

/** A pipe with room for a number of bytes, whose reader may be gone. */
class Pipe {
  room = Number.POSITIVE_INFINITY;
  whenFull = 'EAGAIN';
  failure: string | undefined;
  text = '';
  calls = 0;
  readonly writer = new LineWriter((bytes) => {
    this.calls++;
    if (this.failure) failing(this.failure);
    if (this.room === 0) failing(this.whenFull);
    const taken = Math.min(this.room, bytes.length);
    this.room -= taken;
    this.text += Buffer.from(bytes.subarray(0, taken)).toString();
    return taken;
  });

  write(line: string): void {
    this.writer.write(`${line}\n`, lossText);
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

test('what finds room is written at once, with one call', () => {
  const pipe = new Pipe();
  pipe.write('one');
  pipe.write('two\n    at three');
  assert.equal(pipe.text, 'one\ntwo\n    at three\n');
  assert.equal(pipe.calls, 2);
});

test('what finds none waits, and comes in order and whole when there is some, by itself', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const pipe = new Pipe();
  pipe.room = 6;
  for (const line of ['first', 'second', 'third']) pipe.write(line);
  assert.equal(pipe.text, 'first\n');
  pipe.room = 3;
  t.mock.timers.tick(100);
  assert.equal(pipe.text, 'first\nsec');
  pipe.room = Number.POSITIVE_INFINITY;
  t.mock.timers.tick(100);
  assert.deepEqual(pipe.lines, ['first', 'second', 'third']);
  const { calls } = pipe;
  t.mock.timers.tick(10_000);
  assert.equal(pipe.calls, calls, 'it asks no more');
});

test('beyond a bound whole lines are dropped and counted, and the count stands where they are missing', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const pipe = new Pipe();
  pipe.room = 0;
  const line = 'x'.repeat(9_999);
  for (let count = 0; count < 100; count++) pipe.write(`${line}${count}`);
  pipe.room = Number.POSITIVE_INFINITY;
  t.mock.timers.tick(100);
  pipe.write('next');
  const kept = pipe.lines.length - 2;
  assert.ok(kept > 10 && kept < 40, `${kept} were kept`);
  assert.equal(pipe.lines[kept - 1], `${line}${kept - 1}`);
  assert.deepEqual(pipe.lines.slice(kept), [`lost ${100 - kept}`, 'next']);
});

for (const code of ['EPIPE', 'EIO', 'ENOSPC', 'EBADF']) {
  test(`where the system refuses, ${code}, nothing is thrown, and the count is told when it takes again`, () => {
    const pipe = new Pipe();
    pipe.failure = code;
    for (let count = 0; count < 1_000; count++) pipe.write('gone');
    assert.equal(pipe.calls, 1_000);
    pipe.failure = undefined;
    pipe.write('back');
    pipe.write('again');
    assert.deepEqual(pipe.lines, ['lost 1000', 'back', 'again']);
  });
}

test('a disk that was full for a while: what was begun stands by itself, however often it was tried', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const disk = new Pipe();
  disk.whenFull = 'ENOSPC';
  for (const times of [1, 2, 3]) {
    disk.room = 5;
    for (let count = 0; count < times; count++) disk.write('SECOND');
    disk.room = Number.POSITIVE_INFINITY;
    disk.write('next');
  }
  assert.deepEqual(
    disk.lines,
    [1, 2, 3].flatMap((times) => ['SECON', `lost ${times}`, 'next']),
  );
});

test('the next reader of a pipe begins with a line, though the one before went within one', () => {
  const pipe = new Pipe();
  pipe.room = 5;
  pipe.write('SECOND');
  pipe.failure = 'EPIPE';
  pipe.write('third');
  pipe.text = '';
  [pipe.failure, pipe.room] = [undefined, Number.POSITIVE_INFINITY];
  pipe.write('next');
  assert.deepEqual(pipe.lines, ['lost 2', 'next']);
});

test('a property: whatever the reader does, lines come whole and in order, and no line is missing without being counted', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const act = fc.oneof(
    fc.record({ write: fc.integer({ min: 0, max: 90_000 }) }),
    fc.record({ room: fc.oneof(fc.constant(0), fc.integer({ max: 200_000, min: 0 })) }),
    fc.record({ failure: fc.constantFrom('EPIPE', undefined) }),
    fc.record({ tick: fc.constant(100) }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const pipe = new Pipe();
      let written = 0;
      for (const each of acts) {
        if ('write' in each) pipe.write(`${written++} ${'y'.repeat(each.write)}`);
        else if ('room' in each) pipe.room = each.room;
        else if ('failure' in each) pipe.failure = each.failure;
        else t.mock.timers.tick(each.tick);
      }
      const broke = acts.some((each) => 'failure' in each && each.failure !== undefined);
      pipe.failure = undefined;
      pipe.room = Number.POSITIVE_INFINITY;
      t.mock.timers.tick(200);
      pipe.write('end');
      let next = 0;
      let lost = 0;
      for (const line of pipe.lines.slice(0, -1)) {
        // A reader that goes away in the middle of a line has had half of it. The next text follows that half.
        const [, told] = /lost (\d+)$/.exec(line) ?? [];
        const [, number] = /^(\d+) y*$/.exec(line) ?? [];
        if (told !== undefined) lost += Number(told);
        else if (number !== undefined) {
          assert.ok(Number(number) >= next, `${number} comes behind ${next - 1}`);
          next = Number(number) + 1;
        } else assert.ok(broke, `half a line: ${line.slice(0, 50)}`);
      }
      if (!broke) {
        const whole = pipe.lines.filter((line) => /^\d+ y*$/.test(line)).length;
        assert.equal(whole + lost, written);
      }
    }),
    { numRuns: 300 },
  );
});
