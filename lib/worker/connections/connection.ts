/* How a connection begins, idles and ends, and what its bytes must look like at its end. It knows requests only as a count. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Accounted, ConnectionAccount } from '../access/account.js';

/** So many requests of one connection may wait for their answers: whoever sends more at once wants to fill the memory. */
export const MAX_PENDING = 1_000;

/** What is known of a connection. One object on it: a property each would cost more, and a WeakMap the garbage collector. */
class Marks implements Accounted {
  /** So many requests have come. */
  served = 0;
  /** The head of its last answer has been written. */
  over = false;
  /** So many of its requests have not been answered. */
  pending = 0;
  /** Who waits for that to be none; at most one does, since nothing of the connection is parsed any more. */
  settled: (() => void) | undefined = undefined;
  /** Of a plain connection, else -1. */
  descriptor = -1;
  /** What is spoken through, once the handshake is over. */
  secure: TLSSocket | undefined = undefined;
  /** When the last of its requests had been answered, or it was accepted; of `performance.now()`. */
  idleSince = 0;
  /** Where there is an access log, once a request has come. */
  account: ConnectionAccount | undefined = undefined;
}

const MARKS: unique symbol = Symbol('marks');
type Marked = Socket & { [MARKS]?: Marks };
/** On an HTTP/2 stream. */
const TRANSPORT: unique symbol = Symbol('transport');
type Carried = Duplex & { [TRANSPORT]?: Socket };

/** What is known of an accepted connection. */
export function marksOf(socket: Marked): Marks {
  const marks = socket[MARKS];
  if (marks !== undefined) return marks;
  const made = new Marks();
  socket[MARKS] = made;
  return made;
}

/** The accepted connection below the stream of a request: with TLS, that is another object. */
export function transportOf(stream: Duplex): Socket {
  // Undocumented, but there from Node 20 to 26: what a TLSSocket wraps.
  return (stream as { _parent?: Socket | null })._parent ?? (stream as Socket);
}

/** What the access log knows of a connection, or of what is spoken through it; undefined of any other socket. */
export function accountOf(stream: Marked): ConnectionAccount | undefined {
  return (transportOf(stream) as Marked)[MARKS]?.account;
}

/** Notes on which connection an HTTP/2 stream has come: once it is closed, it does not know. */
export function noteTransport(stream: Duplex, socket: Socket): void {
  (stream as Carried)[TRANSPORT] = socket;
}

/**
 * The accepted connection that a request has come on. To be asked once, when it comes: what is `request.socket` of an HTTP/2
 * request changes with the state of its stream, and the application may set that of any.
 */
export function connectionOf(request: IncomingMessage): Socket {
  const { stream } = request as { stream?: Carried };
  return stream?.[TRANSPORT] ?? transportOf(request.socket);
}

/** Whether a request is an HTTP/2 stream. What it says of its version would not do: an HTTP/1.1 client may write `HTTP/2.0`. */
export function isStream(request: IncomingMessage): boolean {
  return (request as { stream?: unknown }).stream !== undefined;
}

/** Notes what is spoken through, once the handshake is over. */
export function noteSecure(stream: TLSSocket): void {
  marksOf(transportOf(stream)).secure = stream;
}

/** What is written to a connection goes through this: the opposite of {@link transportOf}. */
export function streamOf(socket: Marked): Socket | TLSSocket {
  return socket[MARKS]?.secure ?? socket;
}

/** The answer that has the connection: the first one of those that are not sent. Undocumented, but there from Node 20 to 26; none of HTTP/2. */
export function responseOf(socket: Marked): ServerResponse | undefined {
  return (streamOf(socket) as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/** Whether it is the turn of this answer: that of the one before is with the system, as a whole, though Node may have yet to say so. */
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

/** Notes that the answer that is being sent is the last one: nothing that comes behind it is served. RFC 9112, 9.6. */
export function markOver(socket: Marked): void {
  marksOf(socket).over = true;
}

export function isOver(socket: Marked): boolean {
  return socket[MARKS]?.over === true;
}

/** Counts the requests of a connection that have not been answered; returns how many there are now. */
export function countPending(socket: Marked, change: 1 | -1, now?: number): number {
  const marks = marksOf(socket);
  marks.pending += change;
  if (marks.pending === 0) {
    marks.idleSince = now ?? performance.now();
    marks.settled?.();
  }
  return marks.pending;
}

/** Notes that a connection has been accepted, at this moment of `performance.now()`: it is idle until a request comes. */
export function noteIdle(socket: Marked, now: number): void {
  marksOf(socket).idleSince = now;
}

/** Since when it has been idle, if it is; of `performance.now()`. */
export function idleSince(socket: Marked): number {
  return socket[MARKS]?.idleSince ?? 0;
}

/** How many requests of a connection have not been answered. */
export function pendingOf(socket: Marked): number {
  return socket[MARKS]?.pending ?? 0;
}

/** Some have not: resolves when each has its answer, or has been given up, whether it had begun or waited. */
export function settled(socket: Marked): Promise<void> {
  return new Promise((resolve) => {
    marksOf(socket).settled = resolve;
  });
}

/**
 * Whether all its requests have been answered, and it has been closed or Node is to close it before the event loop waits: its own side has been ended, with nothing left to send.
 * One that has had no request may be ended by the application, and stays open until its client ends it too.
 */
export function isOverAndSent(socket: Marked): boolean {
  if (socket.destroyed) return pendingOf(socket) === 0;
  return socket.writableEnded && socket.writableLength === 0 && servedOf(socket) > 0 && pendingOf(socket) === 0;
}

/** Whose a descriptor is: the next connection may have that number before the one that had it has told of its close. */
const owners: (Socket | undefined)[] = [];

/** Notes the descriptor of a plain connection that has just been accepted, and returns it: to ask for it is a call into native code. */
export function noteDescriptor(socket: Marked): number {
  const descriptor = (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
  marksOf(socket).descriptor = descriptor;
  if (descriptor >= 0) owners[descriptor] = socket;
  return descriptor;
}

/** -1 when there is none on which a plain answer could be written. */
export function descriptorOf(socket: Marked): number {
  const descriptor = socket[MARKS]?.descriptor ?? -1;
  return owners[descriptor] === socket ? descriptor : -1;
}

/** The connection has closed. Returns the descriptor that it had, if no other one has it. */
export function forgetDescriptor(socket: Marked): number {
  const descriptor = descriptorOf(socket);
  if (descriptor >= 0) owners[descriptor] = undefined;
  return descriptor;
}
