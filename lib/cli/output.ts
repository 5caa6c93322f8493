/* What the command writes. Its reader may be gone before all is written, as with `head -1`. */
import type { Writable } from 'node:stream';

export function print(text: string): void {
  write(process.stdout, text);
}

export function printError(text: string): void {
  write(process.stderr, text);
}

function write(stream: Writable, text: string): void {
  outlive(stream);
  stream.write(text);
}

/**
 * Ignores that the reader of a stream is gone (EPIPE): that is no error of the command, whose exit code stays what it
 * is. Called only for a stream that is written to, since merely touching `process.stdout` has Node open it.
 */
export function outlive(stream: Writable): void {
  if (!stream.listeners('error').includes(onError)) stream.on('error', onError);
}

function onError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
