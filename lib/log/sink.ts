import { Console } from 'node:console';
import type { Logger } from '../options/logger.js';
import { humanLines, humanText, jsonLine, type LogEntry } from './lines.js';

/** Writes an entry somewhere. It may throw what a logger of the host's throws. */
export type Sink = (entry: LogEntry) => void;

/** Where the option `logger` says to log to; undefined is nowhere. */
export function openSink(logger: Logger | boolean, name: string): Sink | undefined {
  if (logger === false) return undefined;
  if (logger === true) return standardError(name);
  if (logger instanceof Console) return (entry) => logger[entry.level](humanText(entry, name));
  // Looked up each time: pino puts other methods in place when its level changes.
  return ({ level, fields, message }) => logger[level](fields, message);
}

function standardError(name: string): Sink {
  let write: ((entry: LogEntry) => void) | undefined;
  return (entry) => {
    write ??= builtIn(process.stderr, name);
    write(entry);
  };
}

/** The built-in logger: lines for humans on a terminal, JSON elsewhere, from the level info on. */
export function builtIn(stream: NodeJS.WritableStream & { readonly isTTY?: boolean }, name: string): Sink {
  const write = careless(stream);
  const line = stream.isTTY ? humanLines : jsonLine;
  return (entry) => {
    if (entry.level !== 'debug') write(`${line(entry, name, new Date())}\n`);
  };
}

/**
 * Writes to a stream, and does not care whether that works: without a listener for the error, a pipe that nobody reads any more
 * would end the process. The listener is there for as long as these errors may come, since others are not ours.
 */
function careless(stream: NodeJS.WritableStream): (text: string) => void {
  const ignore = (): void => undefined;
  let pending = 0;
  // The error comes after the call back, but before the next turn.
  const settle = (): void => void setImmediate(() => --pending === 0 && stream.off('error', ignore));
  return (text) => {
    if (pending++ === 0) stream.on('error', ignore);
    stream.write(text, settle);
  };
}
