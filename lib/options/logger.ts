/** The levels in use, the least important first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What a line of the log says, as data. The fields depend on the event; a field with an error holds an `Error`. */
export interface LogFields {
  /** The name of the event that the line is about. */
  readonly event: string;
  readonly [field: string]: unknown;
}

/**
 * Where an Arbiter logs to. Each method is called with an object of fields and then a message of one line, as pino and
 * bunyan expect it: `new Arbiter({ logger: pino() })`. The fields do not name the Arbiter. If several Arbiters share a
 * logger, give each a child logger.
 *
 * `console`, and any `Console` of Node, gets one text instead, with stacks indented below it. winston expects one
 * object: wrap it in a logger of four small methods.
 *
 * The methods are called in the master only, as methods of the logger, and must return soon. If one throws or rejects,
 * that is reported once, as a process warning, and ends nothing.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Reopens the logger's file, if it has one. Called on SIGUSR1, after somebody has moved the file away. */
  // It has a parameter, since TypeScript would otherwise take this name for a level of a pino logger.
  reopen?(signal: string): void;
}
