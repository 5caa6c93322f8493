import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A close frame, RFC 6455, 5.5.1: the last one of a message, not masked, with the status 1001. */
const REASON = Buffer.from('going away');
const GOING_AWAY: Buffer = Buffer.concat([Buffer.from([0x88, 2 + REASON.length, 1001 >> 8, 1001 & 0xff]), REASON]);

/** Between two looks for connections that have become WebSockets during the drain. Milliseconds. */
const LOOK = 100;

/** The connections that were given to the application as WebSockets. */
export class WebSockets {
  /** Those that have not been told to go, and what had been written to each before. */
  readonly #open = new Map<Socket, number>();
  #looks: NodeJS.Timeout | undefined;

  /** A connection is given to the application. */
  add({ headers }: IncomingMessage, stream: Duplex): void {
    if (headers.upgrade?.toLowerCase() !== 'websocket') return;
    const socket = stream as Socket;
    this.#open.set(socket, socket.bytesWritten);
    socket.on('close', () => this.#open.delete(socket));
  }

  /**
   * Tells each client that this server is going away, when it is a WebSocket. Libraries write a whole frame at once, so
   * between two ticks there is room for one of ours, and they answer the close frame that the client sends back.
   */
  sayGoodbye(): void {
    this.#looks ??= setInterval(() => this.#look(), LOOK).unref();
    setImmediate(() => this.#look());
  }

  /** To be called when all have gone. */
  close(): void {
    clearInterval(this.#looks);
  }

  #look(): void {
    for (const [socket, before] of this.#open) {
      // Without an answer to the upgrade yet, it is none.
      if (socket.bytesWritten === before) continue;
      this.#open.delete(socket);
      if (socket.writable) socket.write(GOING_AWAY);
    }
  }
}
