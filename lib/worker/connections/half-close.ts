import type { Socket } from 'node:net';
import { type Departing, drop, lingeringHere } from './lingering.js';

/** How long a client that had nothing to say may take to end its side of a connection whose other side has ended. Milliseconds. */
const FAREWELL = 1_000;

/**
 * Closes a connection, if it is still idle once all that has come by now is read: after a whole poll phase, since a process that was
 * busy may have got a request that it has not seen.
 *
 * @param close - how, where it is no plain HTTP/1.1 connection.
 * @param stays - told when it is not idle any more.
 */
export function closeIfIdle(
  stream: Socket,
  isIdle: () => boolean,
  close: (stream: Socket) => void = halfCloseIdle,
  stays?: () => void,
): void {
  // The first one may come in the middle of a poll phase, which does not see what came since it began.
  setImmediate(() =>
    setImmediate(() => {
      if (stream.destroyed) return;
      if (isIdle()) close(stream);
      else stays?.();
    }),
  );
}

/** As {@link halfClose}, of a connection on which nothing is under way. What comes may be the rest of a request that has been answered. */
export function halfCloseIdle(stream: Socket): void {
  if (isRest(stream)) lingeringHere()?.close(stream as Departing);
  else halfClose(stream, FAREWELL);
}

/** Whether what comes on a connection without a request is still the last one's body, so that it can be no request. */
export function isRest(stream: Socket): boolean {
  return (stream as Departing).parser?.incoming?.complete === false;
}

/**
 * Ends the own side of a connection, and reads what still comes until the client has ended the other one. To close both
 * sides at once would reset it when something comes that is not read, and a reset takes the last answer away from a client that
 * has not read it yet. RFC 9112, 9.6. It has a limit, see {@link Lingering}.
 *
 * @param silence - how long nothing may come, milliseconds; without it, as long as behind an answer.
 */
export function halfClose(stream: Socket, silence?: number): void {
  const lingering = lingeringHere();
  if (lingering) {
    lingering.begin(stream as Departing, silence);
    drop(stream);
    return;
  }
  // None of a worker's connections.
  drop(stream);
  const limit = setTimeout(() => stream.destroy(), FAREWELL).unref();
  stream.on('end', () => stream.destroy());
  stream.on('close', () => clearTimeout(limit));
  stream.end();
}
