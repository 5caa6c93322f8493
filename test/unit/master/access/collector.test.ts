/* The lines of the access log on their way to a stream, which need not be a stream of Node's. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Collector } from '../../../../build/master/access/collector.js';
import { eventually, inTime } from '../../../helpers/wait.js';

/** A stream like those of packages that rotate files. It never says when a write is done. */
class Emitter extends EventEmitter {
  readonly written: string[] = [];
  /** What `write()` returns. */
  answer: boolean | undefined = true;

  write(text: Buffer): boolean | undefined {
    this.written.push(text.toString());
    return this.answer;
  }

  end(): void {}
}

interface Collecting {
  readonly stream: Emitter;
  readonly collector: Collector;
  readonly errors: string[];
}

function collecting(answer?: boolean): Collecting {
  const stream = new Emitter();
  stream.answer = answer;
  const errors: string[] = [];
  const collector = new Collector(stream as never, ({ message }) => errors.push(message));
  return { stream, collector, errors };
}

function pipeTo(collector: Collector): PassThrough {
  const pipe = new PassThrough();
  collector.add(pipe);
  return pipe;
}

const wrote = ({ written }: Emitter, ...lines: string[]): Promise<void> =>
  eventually(
    () => written.length >= lines.length,
    () => `${lines}, got ${written}`,
  ).then(() => assert.deepEqual(written, lines));

const listeners = (stream: EventEmitter): number =>
  stream.eventNames().reduce((count, name) => count + stream.listenerCount(name), 0);

for (const answer of [true, undefined]) {
  test(`an emitter whose write() returns ${answer} gets all lines`, async () => {
    const { stream, collector, errors } = collecting(answer);
    const pipes = [pipeTo(collector), pipeTo(collector)];
    pipes[0]?.write('one\ntw');
    await wrote(stream, 'one\n');
    pipes[1]?.write('three\n');
    await wrote(stream, 'one\n', 'three\n');
    pipes[0]?.write('o\n');
    await wrote(stream, 'one\n', 'three\n', 'two\n');
    for (const pipe of pipes) pipe.end();
    await collector.close();
    assert.deepEqual(errors, []);
  });
}

test('an emitter whose write() returns false gets nothing more until it drains, of further workers neither', async () => {
  const { stream, collector } = collecting(false);
  const first = pipeTo(collector);
  first.write('one\n');
  await wrote(stream, 'one\n');
  const second = pipeTo(collector);
  assert.deepEqual([first.isPaused(), second.isPaused()], [true, true]);
  first.write('two\n');
  stream.emit('drain');
  await wrote(stream, 'one\n', 'two\n');
  second.write('three\n');
  stream.answer = true;
  stream.emit('drain');
  await wrote(stream, 'one\n', 'two\n', 'three\n');
  assert.deepEqual([first.isPaused(), second.isPaused()], [false, false]);
  first.end();
  second.end('four\n');
  await collector.close();
  await wrote(stream, 'one\n', 'two\n', 'three\n', 'four\n');
});

test('of workers that have ended, the last lines wait for a stream that is full, of so many of them, and the others are counted', async () => {
  const stream = new Emitter();
  stream.answer = false;
  const lost: number[] = [];
  const collector = new Collector(stream as never, assert.fail, (lines) => lost.push(lines));
  collector.add(new PassThrough().end('first\n'));
  await wrote(stream, 'first\n');
  const pipes = Array.from({ length: 20 }, (_, index) => new PassThrough().end(`${index}\n${index} too\n`));
  const closed = pipes.slice(0, 4).map((pipe) => once(pipe, 'close'));
  for (const pipe of pipes) {
    const ended = collector.add(pipe);
    // As Node does when a child exits.
    pipe.resume();
    ended();
  }
  await inTime(Promise.all(closed), 'the end of those that are too many');
  await setImmediate();
  assert.deepEqual(
    pipes.map(({ destroyed }) => destroyed),
    pipes.map((_, index) => index < 4),
  );
  assert.deepEqual(stream.written, ['first\n'], 'a stream that is full gets nothing');
  assert.ok(lost.length > 0, 'the first is told of at once');
  stream.answer = true;
  stream.emit('drain');
  await collector.close();
  assert.deepEqual(
    stream.written.slice(1),
    pipes.slice(4).map((_, index) => `${index + 4}\n${index + 4} too\n`),
  );
  assert.equal(
    lost.reduce((sum, lines) => sum + lines, 0),
    8,
  );
});

test('what a stream has not taken at the stop is counted', async () => {
  const { stream } = collecting();
  stream.answer = false;
  const lost: number[] = [];
  const collector = new Collector(stream as never, assert.fail, (lines) => lost.push(lines));
  for (const line of ['one\n', 'two\nthree\n']) collector.add(new PassThrough().end(line));
  await collector.close();
  assert.deepEqual([stream.written, lost], [['one\n'], [2]]);
});

test('an emitter that never says when a write is done is let go behind the close, and may fail before', async () => {
  const { stream, errors } = collecting(true);
  stream.removeAllListeners();
  // Two collectors in a row, as of two Arbiters: each removes only what is its own.
  for (const line of ['one\n', 'two\n']) {
    const collector = new Collector(stream as never, ({ message }) => errors.push(message));
    pipeTo(collector).end(line);
    await collector.close();
    stream.emit('error', new Error('the disk is full'));
  }
  assert.deepEqual(errors, [], 'nobody is told any more');
  assert.equal(listeners(stream), 2);
  await eventually(
    () => listeners(stream) === 0,
    () => `${listeners(stream)} listeners`,
  );
});

test("a stream of Node's that has not written is not let go, and one that has is at once", async () => {
  let done = (): void => undefined;
  const stream = new Writable({
    write(_chunk, _encoding, callback) {
      done = callback;
    },
  });
  const before = listeners(stream);
  const collector = new Collector(stream, () => undefined);
  pipeTo(collector).end('one\n');
  await collector.close();
  assert.equal(listeners(stream), before + 1);
  done();
  await eventually(() => listeners(stream) === before, 'it is let go');
});

test("of a stream of Node's that has ended, pipes are closed", async () => {
  const stream = new PassThrough();
  const collector = new Collector(stream, () => undefined);
  stream.end();
  assert.equal(pipeTo(collector).destroyed, true);
  await collector.close();
});
