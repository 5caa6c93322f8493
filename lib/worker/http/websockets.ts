import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { whenClosed } from '../accept/accepted.js';
import { type Frames, followFrames } from '../connections/frames.js';
import { isWebSocket } from './upgrades.js';

/** A close frame, RFC 6455, 5.5.1: final, not masked, with the status 1001. */
const REASON = Buffer.from('going away');
const GOING_AWAY: Buffer = Buffer.concat([Buffer.from([0x88, 2 + REASON.length, 1001 >> 8, 1001 & 0xff]), REASON]);

/** How often the upgraded connections are looked at during a drain, which may bring new ones. Milliseconds. */
const LOOK = 100;

/**
 * How long the client of a WebSocket may take to close it once it was told to. RFC 6455, 7.1.1 leaves this limit to the
 * server; without one, a client that has vanished would delay the drain to its very end. Milliseconds.
 */
const FAREWELL = 5_000;

/** How long the system may take to send the remaining data, once the server side has ended. Milliseconds. */
const LINGER = 1_000;

interface Upgraded {
  readonly socket: Socket;
  /** Undefined for other protocols, and for streams whose bytes cannot be followed. */
  readonly frames: Frames | undefined;
  /** How many bytes had been written to the connection before the upgrade. */
  readonly before: number;
  /** When the client was told to go, of `performance.now()`, milliseconds. */
  told?: number;
}

/** The connections that were handed over to the application. */
export class WebSockets {
  readonly #open = new Map<Duplex, Upgraded>();
  readonly #onSilent: (client: string) => void;
  #looks: NodeJS.Timeout | undefined;

  /** @param onSilent - called for a client that was told to go, and did not close in time. */
  constructor(onSilent: (client: string) => void) {
    this.#onSilent = onSilent;
  }

  /**
   * Adds a connection that is handed over to the application, which has written nothing to it yet. `onClose` is called
   * when the connection closes.
   */
  add(request: IncomingMessage, stream: Duplex, onClose?: () => void): void {
    const socket = stream as Socket;
    const before = socket.bytesWritten;
    // For a request with a body, Node gives a separate stream in place of the connection.
    const frames = isWebSocket(request) && stream === request.socket ? followFrames(socket) : undefined;
    this.#open.set(stream, { socket, frames, before });
    whenClosed(stream, () => {
      this.#open.delete(stream);
      onClose?.();
    });
  }

  /**
   * Tells each client of a WebSocket that this server is going away, as soon as it is certain that the close frame
   * falls between two frames of the application. Libraries answer the close frame that the client sends back. A client
   * that does not close is waited for no longer than {@link FAREWELL}.
   */
  sayGoodbye(): void {
    this.#looks ??= setInterval(() => this.#look(), LOOK).unref();
    setImmediate(() => this.#look());
  }

  /** Stops waiting: ends the server side of each connection, and destroys those that do not close then. */
  endAll(): void {
    for (const upgraded of [...this.#open.values()]) this.#end(upgraded);
  }

  /** Ends the looks. To be called when all connections have closed. */
  close(): void {
    clearInterval(this.#looks);
  }

  #look(): void {
    const now = performance.now();
    for (const upgraded of [...this.#open.values()]) {
      if (upgraded.told === undefined) {
        if (tell(upgraded)) upgraded.told = now;
      } else if (now - upgraded.told > FAREWELL) {
        this.#onSilent(upgraded.socket.remoteAddress ?? 'a client');
        this.#end(upgraded);
      }
    }
  }

  #end({ socket }: Upgraded): void {
    this.#open.delete(socket);
    socket.end();
    // A client that has vanished confirms nothing.
    const limit = setTimeout(() => socket.destroy(), LINGER).unref();
    socket.on('close', () => clearTimeout(limit));
  }
}

/**
 * Returns whether the client knows that it should go. It is told only if every byte since the upgrade was followed and
 * the last byte ended a frame. A connection that another stream is piped into is left alone: the next frame may be half
 * written already.
 */
function tell({ socket, frames, before }: Upgraded): boolean {
  if (frames === undefined || !socket.writable) return false;
  if (frames.areClosed) return true;
  const isPiped = socket.listenerCount('unpipe') > 0;
  if (isPiped || !frames.areWhole || socket.bytesWritten - before !== frames.bytes) return false;
  socket.write(GOING_AWAY);
  return true;
}
