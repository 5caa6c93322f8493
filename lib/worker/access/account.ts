import { Socket } from 'node:net';
import { peerOf } from './client.js';

/** Undocumented, but there from Node 20 to 26. */
export type Counted = Socket & {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
  readonly _bytesDispatched?: number;
};
type Destroy = (this: Counted, error: Error | null, done: (error?: Error | null) => void) => void;

/** What is known of a connection has a place for what the access log knows. */
export interface Accounted {
  account: ConnectionAccount | undefined;
}

/**
 * What the access log knows of a connection. Nothing of it is a property of the socket: a connection that has one more than others is an object of another kind, which costs
 * a short request more than its line.
 */
export class ConnectionAccount {
  /** Who has connected; empty where nobody asks for that. */
  readonly peer: string;
  /** What is spoken through, once a request has come that is answered by a response of HTTP/1. */
  stream: Counted | undefined = undefined;
  /** How much had been written when its last answer had ended; and how much the system had not taken when it was closed. Bytes. */
  total = 0;
  unsent = 0;
  /** Its request that came last, as long as that has no line. */
  last: { noteEnd(): void } | undefined = undefined;

  constructor(peer: string) {
    this.peer = peer;
  }
}

/** Of each destroyed connection: the account that it has, if any. */
type Find = (socket: Socket) => ConnectionAccount | undefined;

let watched = false;

/**
 * What has been written, and the system has not taken, is known until the connection is closed. No event tells of that moment, so all sockets of this process are asked there.
 */
export function watchUnsent(find: Find): void {
  if (watched) return;
  watched = true;
  const prototype = Socket.prototype as unknown as { _destroy: Destroy };
  const { _destroy: destroy } = prototype;
  prototype._destroy = function (error, done) {
    // Nothing waits, and no write has failed: so it is with most.
    if (error !== null || this.writableLength > 0) {
      const account = find(this);
      if (account?.stream === this) noteUnsent(account, this, error);
    }
    destroy.call(this, error, done);
  };
}

function noteUnsent(account: ConnectionAccount, stream: Counted, error: Error | null): void {
  const buffered = (stream.bytesWritten ?? 0) - (stream._bytesDispatched ?? 0);
  // Of a write that has failed, libuv does not tell any more how much of it had been sent: none of it is counted.
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

/** How much has been written to it, with what waits. Node makes a list of that each time, where there is anything or not. */
export function writtenTo(stream: Counted | undefined): number {
  if (stream === undefined) return 0;
  return (stream.writableLength === 0 ? stream._bytesDispatched : stream.bytesWritten) ?? 0;
}

/** The account of a connection whose first request has come. */
export function openAccount(socket: Socket, asksPeer: boolean): ConnectionAccount {
  return new ConnectionAccount(asksPeer ? peerOf(socket) : '');
}
