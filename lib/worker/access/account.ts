import { Socket } from 'node:net';
import { peerOf } from './client.js';

/** Undocumented, but there from Node 20 to 26. */
export type Counted = Socket & {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
  readonly _bytesDispatched?: number;
};
type Destroy = (this: Counted, error: Error | null, done: (error?: Error | null) => void) => void;

/** What the connections wing knows of a connection, with a field for what the access log knows. */
export interface Accounted {
  account: ConnectionAccount | undefined;
}

/**
 * What the access log knows of a connection. None of it is a property of the socket. One more property would give the
 * socket another hidden class than other sockets have, which costs a short request more than writing its line.
 */
export class ConnectionAccount {
  /** The address of the peer; empty where it is not needed. */
  readonly peer: string;
  /**
   * The stream that is spoken through (with TLS, not the socket itself), set when a request comes that is answered by a
   * response of HTTP/1.
   */
  stream: Counted | undefined = undefined;
  /**
   * How many bytes had been written when the last answer of the connection ended; and how many of them the system had
   * not taken when the connection was closed.
   */
  total = 0;
  unsent = 0;
  /** The latest request of the connection, as long as it has no line. */
  last: { noteEnd(): void } | undefined = undefined;

  constructor(peer: string) {
    this.peer = peer;
  }
}

/** Finds the account of a destroyed connection, if it has one. */
type Find = (socket: Socket) => ConnectionAccount | undefined;

let watched = false;

/**
 * Patches `Socket.prototype._destroy`. How many of the written bytes the system has not taken is known only until the
 * connection is closed, and no event comes before that. So all sockets of this process are looked at when they are
 * destroyed.
 */
export function watchUnsent(find: Find): void {
  if (watched) return;
  watched = true;
  const prototype = Socket.prototype as unknown as { _destroy: Destroy };
  const { _destroy: destroy } = prototype;
  prototype._destroy = function (error, done) {
    // With most sockets nothing waits, and no write has failed.
    if (error !== null || this.writableLength > 0) {
      const account = find(this);
      if (account?.stream === this) noteUnsent(account, this, error);
    }
    destroy.call(this, error, done);
  };
}

function noteUnsent(account: ConnectionAccount, stream: Counted, error: Error | null): void {
  const buffered = (stream.bytesWritten ?? 0) - (stream._bytesDispatched ?? 0);
  // After a failed write, libuv does not tell how much of it had been sent, so none of it counts as sent.
  const isWrite = (error as NodeJS.ErrnoException | null)?.syscall === 'write';
  const queued = isWrite ? lastWrite(stream) : (stream._handle?.writeQueueSize ?? 0);
  account.unsent = Math.max(0, buffered + queued);
}

/** The size of the write that was under way. Undocumented, but there from Node 20 to 26. */
function lastWrite(socket: Counted): number {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'lastWriteQueueSize');
  const size = symbol && (socket as unknown as Record<symbol, unknown>)[symbol];
  return typeof size === 'number' ? size : 0;
}

/**
 * How many bytes have been written to a stream, including those that wait. `bytesWritten` makes a list each time, so it
 * is asked only if something waits.
 */
export function writtenTo(stream: Counted | undefined): number {
  if (stream === undefined) return 0;
  return (stream.writableLength === 0 ? stream._bytesDispatched : stream.bytesWritten) ?? 0;
}

/** Makes the account of a connection whose first request has come. */
export function openAccount(socket: Socket, asksPeer: boolean): ConnectionAccount {
  return new ConnectionAccount(asksPeer ? peerOf(socket) : '');
}
