import { AsyncResource } from 'node:async_hooks';
import type net from 'node:net';
import { keepUnread } from './accepted.js';

/** A connection that waits. */
interface Guest {
  readonly socket: net.Socket;
  readonly admit: () => void;
}

/**
 * Connections that were accepted while there was no room, where an entrance (listening socket) could not be shut in
 * time. Nothing has been read of them yet.
 */
export class Waiting {
  readonly #guests: Guest[] = [];

  get size(): number {
    return this.#guests.length;
  }

  /** Keeps a connection unread until there is room; `admit` is called then. */
  add(socket: net.Socket, admit: (socket: net.Socket) => void): void {
    const read = keepUnread(socket);
    // Room is made in the async context of some other request, which must not leak into this connection.
    const bound = AsyncResource.bind(() => {
      read();
      admit(socket);
    });
    this.#guests.push({ socket, admit: bound });
  }

  /** There is room: admits the first connection that is still open. Returns whether there was one. */
  admitNext(): boolean {
    let next = this.#guests.shift();
    while (next?.socket.destroyed) next = this.#guests.shift();
    next?.admit();
    return next !== undefined;
  }
}
