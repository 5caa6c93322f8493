/*
 * How a connection begins, idles and ends, and what its bytes must look like at its end. Of requests it knows only how
 * many there are.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Accounted, ConnectionAccount } from '../access/account.js';

/**
 * How many requests of one connection may wait for their answers: a client that sends more at once wants to fill the
 * memory.
 */
export const MAX_PENDING = 1_000;

/**
 * What is known of a connection, in one object on it. A property of the connection for each would cost more, and a
 * WeakMap would cost the garbage collector time.
 */
class Marks implements Accounted {
  /** How many requests have come. */
  served = 0;
  /** Whether the head of its last answer has been written. */
  over = false;
  /** How many of its requests have not been answered. */
  pending = 0;
  /**
   * Called when `pending` is 0. At most one caller waits for that, since nothing of the connection is parsed any more.
   */
  settled: (() => void) | undefined = undefined;
  /** The file descriptor of a plain (not TLS) connection, else -1. */
  descriptor = -1;
  /** The TLS stream over this connection, once the handshake is over. */
  secure: TLSSocket | undefined = undefined;
  /** When the last of its requests had been answered, or else when it was accepted, by `performance.now()`. */
  idleSince = 0;
  /** Set once a request has come, where there is an access log. */
  account: ConnectionAccount | undefined = undefined;
}

const MARKS: unique symbol = Symbol('marks');
type Marked = Socket & { [MARKS]?: Marks };
/** On an HTTP/2 stream: the connection that it has come on. */
const TRANSPORT: unique symbol = Symbol('transport');
type Carried = Duplex & { [TRANSPORT]?: Socket };

/** The marks of an accepted connection; made when they are first asked for. */
export function marksOf(socket: Marked): Marks {
  const marks = socket[MARKS];
  if (marks !== undefined) return marks;
  const made = new Marks();
  socket[MARKS] = made;
  return made;
}

/** The accepted connection below the stream of a request. With TLS, they are two objects. */
export function transportOf(stream: Duplex): Socket {
  // Undocumented, but there from Node 20 to 26: what a TLSSocket wraps.
  return (stream as { _parent?: Socket | null })._parent ?? (stream as Socket);
}

/** What the access log knows of a connection, given it or the TLS stream over it; undefined for any other socket. */
export function accountOf(stream: Marked): ConnectionAccount | undefined {
  return (transportOf(stream) as Marked)[MARKS]?.account;
}

/** Notes on which connection an HTTP/2 stream has come: a closed stream does not know. */
export function noteTransport(stream: Duplex, socket: Socket): void {
  (stream as Carried)[TRANSPORT] = socket;
}

/**
 * The accepted connection that a request has come on. Ask once, when the request comes: the `request.socket` of an
 * HTTP/2 request changes with the state of its stream, and the application may set that of any request.
 */
export function connectionOf(request: IncomingMessage): Socket {
  const { stream } = request as { stream?: Carried };
  return stream?.[TRANSPORT] ?? transportOf(request.socket);
}

/** Whether a request is an HTTP/2 stream. Its version does not tell: an HTTP/1.1 client may write `HTTP/2.0`. */
export function isStream(request: IncomingMessage): boolean {
  return (request as { stream?: unknown }).stream !== undefined;
}

/** Notes the TLS stream over a connection, once the handshake is over. */
export function noteSecure(stream: TLSSocket): void {
  marksOf(transportOf(stream)).secure = stream;
}

/** The stream through which a connection is written to: the opposite of {@link transportOf}. */
export function streamOf(socket: Marked): Socket | TLSSocket {
  return socket[MARKS]?.secure ?? socket;
}

/**
 * The answer that has the connection: the first one of those that are not sent. Undocumented, but there from Node 20 to
 * 26. Undefined for HTTP/2.
 */
export function responseOf(socket: Marked): ServerResponse | undefined {
  return (streamOf(socket) as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/**
 * Whether it is this answer's turn to be sent: there is none before it, or that one is with the system completely, even
 * if Node has yet to say so.
 */
export function isTurnOf(response: ServerResponse, socket: Marked): boolean {
  const first = responseOf(socket);
  return first === response || (first?.writableEnded === true && streamOf(socket).writableLength === 0);
}

/** Notes that a request of this connection has come. */
export function markServed(socket: Marked): void {
  marksOf(socket).served++;
}

/** How many requests of this connection have come. */
export function servedOf(socket: Marked): number {
  return socket[MARKS]?.served ?? 0;
}

/**
 * Notes that the answer that is being sent is the last one: no request that comes after it is served. RFC 9112, 9.6.
 */
export function markOver(socket: Marked): void {
  marksOf(socket).over = true;
}

/** Whether {@link markOver} was called for a connection. */
export function isOver(socket: Marked): boolean {
  return socket[MARKS]?.over === true;
}

/** Changes the number of a connection's requests that have not been answered; returns the new number. */
export function countPending(socket: Marked, change: 1 | -1, now?: number): number {
  const marks = marksOf(socket);
  marks.pending += change;
  if (marks.pending === 0) {
    marks.idleSince = now ?? performance.now();
    marks.settled?.();
  }
  return marks.pending;
}

/** Notes that a connection was accepted at the time `now` of `performance.now()`: it is idle until a request comes. */
export function noteIdle(socket: Marked, now: number): void {
  marksOf(socket).idleSince = now;
}

/** Since when a connection has been idle, if it is, by `performance.now()`; 0 if it was never noted. */
export function idleSince(socket: Marked): number {
  return socket[MARKS]?.idleSince ?? 0;
}

/** How many requests of a connection have not been answered. */
export function pendingOf(socket: Marked): number {
  return socket[MARKS]?.pending ?? 0;
}

/**
 * For a connection with pending requests: resolves when each of them has its answer or has been given up, whether it
 * had begun or waited.
 */
export function settled(socket: Marked): Promise<void> {
  return new Promise((resolve) => {
    marksOf(socket).settled = resolve;
  });
}

/**
 * Whether all requests of a connection have been answered, and it is closed or Node will close it before the event loop
 * waits: its own side has been ended, with nothing left to send. A connection without any request counts only when it
 * is closed: if the application ends it, it stays open until its client ends it too.
 */
export function isOverAndSent(socket: Marked): boolean {
  if (socket.destroyed) return pendingOf(socket) === 0;
  return socket.writableEnded && socket.writableLength === 0 && servedOf(socket) > 0 && pendingOf(socket) === 0;
}

/**
 * The connection that owns each descriptor. The next connection may get a number before the one that had it has emitted
 * `'close'`.
 */
const owners: (Socket | undefined)[] = [];

/**
 * Notes the descriptor of a plain connection that has just been accepted, and returns it. It is noted because reading
 * it is a call into native code.
 */
export function noteDescriptor(socket: Marked): number {
  const descriptor = (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
  marksOf(socket).descriptor = descriptor;
  if (descriptor >= 0) owners[descriptor] = socket;
  return descriptor;
}

/** The descriptor of a plain connection; -1 if there is none to which an answer could be written in plain text. */
export function descriptorOf(socket: Marked): number {
  const descriptor = socket[MARKS]?.descriptor ?? -1;
  return owners[descriptor] === socket ? descriptor : -1;
}

/** The connection has closed. Returns the descriptor that it had, unless another connection has it by now; else -1. */
export function forgetDescriptor(socket: Marked): number {
  const descriptor = descriptorOf(socket);
  if (descriptor >= 0) owners[descriptor] = undefined;
  return descriptor;
}
