import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import test from 'node:test';
import { guard } from '../../../../build/worker/entry/output.js';

/** Has the name of Node's class for the output of a thread. */
class ReadableWorkerStdio extends Readable {
  override _read(): void {}
}

test('what comes out of a thread goes on, also where each pipe that is laid anew fails at once', async () => {
  const texts: string[] = [];
  let failures = 3;
  const stream = new Writable({
    autoDestroy: false,
    emitClose: false,
    write(chunk, _encoding, done) {
      if (failures-- > 0) {
        done(new Error('no reader'));
        // As Node's own output does: the stream fails, and can be written to again.
        process.nextTick(() => (stream as unknown as { _undestroy(): void })._undestroy());
        return;
      }
      texts.push(String(chunk));
      done();
      if (String(chunk) === 'the last') stream.emit('had the last');
    },
  });
  guard(stream);
  const source = new ReadableWorkerStdio();
  source.pipe(stream);
  const had = new Promise<void>((resolve) => stream.once('had the last', resolve));
  // All of these are there before the first one has failed.
  for (const text of ['lost', 'lost', 'lost', 'kept', 'the last']) source.push(text);
  await had;
  assert.ok(texts.join('').endsWith('the last'));
});
