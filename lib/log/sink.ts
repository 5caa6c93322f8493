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
  // Unlike the stream itself, it does not end the process when nobody reads any more.
  const output = new Console(stream);
  const line = stream.isTTY ? humanLines : jsonLine;
  return (entry) => {
    if (entry.level !== 'debug') output.log(line(entry, name, new Date()));
  };
}
