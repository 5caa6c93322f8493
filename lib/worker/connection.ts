import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Marks a connection whose first request has come. A WeakSet would cost the garbage collector. */
const SERVED: unique symbol = Symbol('served');
type Marked = Socket & { [SERVED]?: true };

/** The accepted connection below the stream of a request: with TLS, that is another object. */
export function transportOf(stream: Duplex): Socket {
  // Undocumented, but there from Node 20 to 26: what a TLSSocket wraps.
  return (stream as { _parent?: Socket | null })._parent ?? (stream as Socket);
}

/** Notes that a request of this connection has come; returns whether it is the first. */
export function markServed(socket: Marked): boolean {
  const first = socket[SERVED] === undefined;
  socket[SERVED] = true;
  return first;
}

export function hasServed(socket: Marked): boolean {
  return socket[SERVED] === true;
}
