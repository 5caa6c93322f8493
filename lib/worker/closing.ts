import type { Socket } from 'node:net';

/** How long a client may take to end its side of a connection whose other side has ended. Milliseconds. */
const LINGER = 1_000;

/**
 * Closes a connection whose time is over, if it is still idle by then. To be called by a timer.
 *
 * Timers come before the poll phase: to a process that was busy, a request may have come in time. It is read first.
 */
export function closeIfIdle(stream: Socket, isIdle: () => boolean): void {
  setImmediate(() => {
    if (!stream.destroyed && isIdle()) halfClose(stream);
  });
}

/**
 * Ends the own side of a connection, and reads what still comes until the client has ended the other one. To close both
 * sides at once would reset it when something comes that is not read, and a reset takes the last answer away from a client that
 * has not read it yet. RFC 9112, 9.6.
 */
export function halfClose(stream: Socket): void {
  if (stream.writableEnded) return;
  const limit = setTimeout(() => stream.destroy(), LINGER).unref();
  // Those of the HTTP parser: a request that comes from now on could not be answered, so it must not be begun.
  stream.removeAllListeners('data').removeAllListeners('end');
  stream.setTimeout(0);
  stream.on('data', () => undefined);
  stream.on('end', () => stream.destroy());
  stream.on('close', () => clearTimeout(limit));
  stream.end();
}
