import type { Readable, Writable } from 'node:stream';
import { noteOpened } from '../insight/pending.js';

/** What comes out of the threads of this process, and is piped to its own output. */
const FROM_THREAD = 'ReadableWorkerStdio';

/**
 * The application's own output goes to pipes whose readers may have gone, or to disks that are full. What is lost so is no reason to end a
 * worker with all its requests: where nobody listens for the error of standard output or standard error, it is ignored. Who listens hears it as ever.
 *
 * The streams are made by Node when they are first asked for, and stay unmade until then.
 */
export function guardOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const { get, ...property } = Object.getOwnPropertyDescriptor(process, name) ?? {};
    if (!get) continue;
    let guarded: Writable | undefined;
    Object.defineProperty(process, name, {
      ...property,
      get() {
        // Its pipe, or terminal, is nothing that a request waits for.
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

/** An error also ends the pipe from each thread. What the thread writes then would be kept in its memory for ever, so the pipe is laid anew. */
export function guard(stream: Writable): void {
  /** Errors of this turn: a pipe that is laid anew may fail before the turn of the error before it is over. */
  let errors = 0;
  stream.on('unpipe', (source: Readable) => {
    if (source.constructor.name !== FROM_THREAD) return;
    // The error has one more turn to end it, by a 'close'.
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

/** As Node lays it: each thread has a pipe to the same stream, so the number of listeners says nothing. */
function lay(source: Readable, stream: Writable): void {
  const most = stream.getMaxListeners();
  stream.setMaxListeners(0);
  source.pipe(stream);
  stream.setMaxListeners(most);
}
