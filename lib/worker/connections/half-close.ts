import type { Socket } from 'node:net';
import { type Departing, drop, lingeringHere } from './lingering.js';

/**
 * How long a client with no request in flight may be silent after this side has ended; where nobody keeps the limits of
 * {@link Lingering}, how long it may take to end its side. Milliseconds.
 */
const FAREWELL = 1_000;

/**
 * Closes a connection if it is still idle once everything that has arrived by now is read. That takes a whole poll
 * phase: a process that was busy may have got a request that it has not read yet.
 *
 * @param close - how to close it, where it is not a plain HTTP/1.1 connection.
 * @param stays - called when the connection is not idle any more.
 */
export function closeIfIdle(
  stream: Socket,
  isIdle: () => boolean,
  close: (stream: Socket) => void = halfCloseIdle,
  stays?: () => void,
): void {
  // The first `setImmediate` may end a poll phase that had begun already, which misses what came since it began.
  setImmediate(() =>
    setImmediate(() => {
      if (stream.destroyed) return;
      if (isIdle()) close(stream);
      else stays?.();
    }),
  );
}

/**
 * Like {@link halfClose}, for a connection on which nothing is under way. What still comes may be the rest of a request
 * that has been answered.
 */
export function halfCloseIdle(stream: Socket): void {
  if (isRest(stream)) lingeringHere()?.close(stream as Departing);
  else halfClose(stream, FAREWELL);
}

/** Whether what comes on an idle connection is still the body of its last request, so that it cannot be a new one. */
export function isRest(stream: Socket): boolean {
  return (stream as Departing).parser?.incoming?.complete === false;
}

/**
 * Ends the own side of a connection, and reads and discards what still comes until the client has ended the other side.
 * If both sides were closed at once, anything that comes later would reset the connection, and a reset takes the last
 * answer away from a client that has not read it yet. RFC 9112, 9.6. There are limits, see {@link Lingering}.
 *
 * @param silence - how long the client may be silent, milliseconds; without it, as long as after an answer.
 */
export function halfClose(stream: Socket, silence?: number): void {
  const lingering = lingeringHere();
  if (lingering) {
    lingering.begin(stream as Departing, silence);
    drop(stream);
    return;
  }
  // No HTTP worker serves in this process or thread, so the limit is kept here.
  drop(stream);
  const limit = setTimeout(() => stream.destroy(), FAREWELL).unref();
  stream.on('end', () => stream.destroy());
  stream.on('close', () => clearTimeout(limit));
  stream.end();
}
