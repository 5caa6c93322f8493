import { AsyncResource } from 'node:async_hooks';
import type net from 'node:net';
import { keepUnread } from './accepted.js';

interface Guest {
  readonly socket: net.Socket;
  readonly admit: () => void;
}

/** Connections that were accepted without room, where an entrance cannot be shut in time: nobody has looked at them yet. */
export class Waiting {
  readonly #guests: Guest[] = [];

  get size(): number {
    return this.#guests.length;
  }

  /** Keeps one unread until there is room; `admit` is called then. */
  add(socket: net.Socket, admit: (socket: net.Socket) => void): void {
    const read = keepUnread(socket);
    // Whoever makes room for it does so in a context of its own, which is none of its requests'.
    const bound = AsyncResource.bind(() => {
      read();
      admit(socket);
    });
    this.#guests.push({ socket, admit: bound });
  }

  /** There is room: admits the first that is still connected. Returns whether there was one. */
  admitNext(): boolean {
    let next = this.#guests.shift();
    while (next?.socket.destroyed) next = this.#guests.shift();
    next?.admit();
    return next !== undefined;
  }
}
