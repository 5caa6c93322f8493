import { createRequire } from 'node:module';
import { format } from 'node:util';
import type createDebug from 'debug';

/** A printf-like function that does nothing unless the variable `DEBUG` selects its namespace. */
export type Log = (format: string, ...args: unknown[]) => void;

let write: (text: string) => unknown = (text) => process.stderr.write(text);

/** Sets the function that writes the lines from now on. The default is a stream, which would wait for its reader. */
export function writeDebugWith(writer: (text: string) => void): void {
  write = writer;
}

/**
 * Loads the package `debug` only when it is first needed: it costs a process about four milliseconds at its start.
 * `debug.enable()` sets the variable too.
 */
function open(namespace: string): Log {
  let log: createDebug.Debugger | undefined;
  return (text, ...args) => {
    if (log === undefined) {
      if (!process.env['DEBUG']) return;
      const create: typeof createDebug = createRequire(import.meta.url)('debug');
      log = create(namespace);
      log.log = (...line: unknown[]) => write(`${format(...line)}\n`);
    }
    log(text, ...args);
  };
}

// The namespaces, selected with for example DEBUG=prefork:*
export const debugArbiter: Log = open('prefork:arbiter');
export const debugBind: Log = open('prefork:bind');
export const debugWorker: Log = open('prefork:worker');
export const debugService: Log = open('prefork:service');
export const debugGuard: Log = open('prefork:guard');
