import type { LogFields, LogLevel } from '../options/logger.js';
import { serializeError } from '../serialized-error.js';
import { errorLines, stackLines } from './stack.js';
import { escapeUnsafe } from './text.js';

/** One thing to be logged. */
export interface LogEntry {
  readonly level: LogLevel;
  /** One line without characters on which a terminal would act. */
  readonly message: string;
  /** An error is in `err`; the stack of something that hung is in `stack`. */
  readonly fields: LogFields;
}

/** The most characters of a string among the fields. */
const MAX_STRING = 8_192;

/** The text for humans: the message, and below it the stack or the error, indented. */
export function humanText({ message, fields }: LogEntry, name: string): string {
  const { stack, err } = fields;
  return [
    `[${name}] ${message}`,
    ...(typeof stack === 'string' ? stackLines(stack) : []),
    ...(err === undefined ? [] : errorLines(err)),
  ].join('\n');
}

/** The text for humans with the time and the level before it. */
export function humanLines(entry: LogEntry, name: string, time: Date): string {
  return `${time.toISOString()} ${entry.level.toUpperCase().padEnd(5)} ${humanText(entry, name)}`;
}

/** The entry as one line of JSON, without a new line at its end. */
export function jsonLine({ level, message, fields }: LogEntry, name: string, time: Date): string {
  const record = { time: time.toISOString(), level, name, msg: message, ...fields };
  return escapeUnsafe(
    JSON.stringify(record, (_key, value: unknown) => {
      if (value instanceof Error) return serializeError(value);
      return typeof value === 'string' && value.length > MAX_STRING ? `${value.slice(0, MAX_STRING)}…` : value;
    }),
  );
}
