import { format } from 'node:util';
import createDebug from 'debug';

/** A printf-like function; does nothing unless `DEBUG` selects its namespace. */
export type Log = (format: string, ...args: unknown[]) => void;

let write: (text: string) => unknown = (text) => process.stderr.write(text);

/** What is to write the lines from now on: a stream would wait for its reader. */
export function writeDebugWith(writer: (text: string) => void): void {
  write = writer;
}

function open(namespace: string): Log {
  const log = createDebug(namespace);
  log.log = (...args: unknown[]) => write(`${format(...args)}\n`);
  return log;
}

// The namespaces, selected with for example DEBUG=prefork:*
export const debugArbiter: Log = open('prefork:arbiter');
export const debugBind: Log = open('prefork:bind');
export const debugWorker: Log = open('prefork:worker');
export const debugService: Log = open('prefork:service');
export const debugGuard: Log = open('prefork:guard');
