import { Console } from 'node:console';
import { isatty } from 'node:tty';
import { writeDebugWith } from '../debug.js';
import type { Logger } from '../options/logger.js';
import type { LossText } from './line-writer.js';
import { humanLines, humanText, jsonLine, type LogEntry } from './lines.js';
import { lossMessage, STDERR, say } from './standard-error.js';

writeDebugWith(say);

/** Writes an entry of the log. It may throw what the host's logger throws. */
export type Sink = (entry: LogEntry) => void;

/** Opens the log that the option `logger` names; undefined if nothing is to be logged. */
export function openSink(logger: Logger | boolean, name: string): Sink | undefined {
  if (logger === false) return undefined;
  if (logger === true) return builtIn(name, isatty(STDERR), say);
  if (logger instanceof Console) return (entry) => logger[entry.level](humanText(entry, name));
  // The method is looked up each time, since pino replaces its methods when its level changes.
  return ({ level, fields, message }) => logger[level](fields, message);
}

/** The built-in logger: lines for humans on a terminal, JSON elsewhere, from the level info on. */
export function builtIn(name: string, isTerminal: boolean, write: (text: string, lossText: LossText) => void): Sink {
  const form = isTerminal ? humanLines : jsonLine;
  const text = (entry: LogEntry): string => `${form(entry, name, new Date())}\n`;
  const lossText: LossText = (count) =>
    text({ level: 'warn', message: lossMessage(count), fields: { event: 'log:dropped', dropped: count } });
  return (entry) => {
    if (entry.level !== 'debug') write(text(entry), lossText);
  };
}
