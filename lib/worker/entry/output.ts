import type { Readable, Writable } from 'node:stream';
import { noteOpened } from '../insight/pending.js';

/** The class of the streams by which Node pipes the output of a thread into that of the process. */
const FROM_THREAD = 'ReadableWorkerStdio';

/**
 * Ignores errors of standard output and standard error. The application's output may go to a pipe that nobody reads any
 * more, or to a full disk. Lost output is no reason to end a worker with all its requests, as an error without a
 * listener would. Listeners of the application still get the error.
 *
 * Node creates each of these streams when it is first accessed. This function does not create them earlier.
 */
export function guardOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const { get, ...property } = Object.getOwnPropertyDescriptor(process, name) ?? {};
    if (!get) continue;
    let guarded: Writable | undefined;
    Object.defineProperty(process, name, {
      ...property,
      get() {
        // No request waits for the pipe or terminal, so it must not be reported as pending.
        const stream = guarded ? (get.call(process) as Writable) : noteOpened(() => get.call(process) as Writable);
        if (guarded !== stream) {
          guarded = stream;
          guard(stream);
        }
        return stream;
      },
    });
  }
}

/**
 * Ignores the errors of one stream. An error also unpipes the output of each thread from it. What a thread writes then
 * would stay in its memory for ever, so its output is piped to the stream again.
 */
export function guard(stream: Writable): void {
  /**
   * The number of errors in this turn of the loop. It is a count, not a flag: after one error, a new pipe may fail
   * again before the turn of the first is over.
   */
  let errors = 0;
  stream.on('unpipe', (source: Readable) => {
    if (source.constructor.name !== FROM_THREAD) return;
    // Not at once: an error is followed by a 'close' of `stream`, which would end the new pipe too.
    setImmediate(() => {
      if (errors > 0 && !source.readableEnded) lay(source, stream);
    });
  });
  stream.on('error', () => {
    errors++;
    setImmediate(() => {
      errors--;
    });
  });
}

/**
 * Pipes the output of a thread to the stream, as Node does. All threads are piped to the same stream, so the warning
 * about too many listeners would mean nothing here.
 */
function lay(source: Readable, stream: Writable): void {
  const most = stream.getMaxListeners();
  stream.setMaxListeners(0);
  source.pipe(stream);
  stream.setMaxListeners(most);
}
