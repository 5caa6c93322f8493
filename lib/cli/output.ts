/* What the command writes, to a reader that may have gone before all is written, as `head -1` does. */
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

/** A reader that has had enough is no error of the command: its exit code stays what it is. Only of a stream that is written to, since Node opens it for that. */
export function outlive(stream: Writable): void {
  if (!stream.listeners('error').includes(onError)) stream.on('error', onError);
}

function onError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
