/** The levels that are used, the least important first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What a line tells, as data. Which fields there are depends on the event; those of errors are `Error`s. */
export interface LogFields {
  /** The name of the event that the line is about. */
  readonly event: string;
  readonly [field: string]: unknown;
}

/**
 * Where an Arbiter logs to. A method is called with an object of fields and then a message of one line, as pino and bunyan
 * want it: `new Arbiter({ logger: pino() })`. The fields have no name of the Arbiter; where one logger is to serve several,
 * give each a child of it.
 *
 * `console`, and any `Console` of Node, gets one text instead, with stacks below it, indented. winston wants one
 * object: give it that, by a logger of four small methods.
 *
 * It is called in the master only, as a method, and must return soon. What it throws, or rejects with, is reported once, as a process
 * warning, and ends nothing.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Opens its file anew, where it has one: called on USR1, after somebody has moved the file away. */
  // With an argument, since TypeScript takes every name that it expects of a logger of pino's for a level of that.
  reopen?(signal: string): void;
}
