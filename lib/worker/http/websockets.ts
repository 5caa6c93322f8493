import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { whenClosed } from '../accept/accepted.js';
import { type Frames, followFrames } from '../connections/frames.js';
import { isWebSocket } from './upgrades.js';

/** A close frame, RFC 6455, 5.5.1: the last one of a message, not masked, with the status 1001. */
const REASON = Buffer.from('going away');
const GOING_AWAY: Buffer = Buffer.concat([Buffer.from([0x88, 2 + REASON.length, 1001 >> 8, 1001 & 0xff]), REASON]);

/** Between two looks for connections that have become WebSockets during the drain. Milliseconds. */
const LOOK = 100;

/**
 * How long the client of a WebSocket may take to close it, once it has been told to. RFC 6455, 7.1.1 leaves that to the server; one that has
 * vanished would hold the drain up to its end. Milliseconds.
 */
const FAREWELL = 5_000;

/** How long the system may take to send what is left, once the own side has ended. Milliseconds. */
const LINGER = 1_000;

interface Upgraded {
  readonly socket: Socket;
  /** Undefined for other protocols, and for streams of which nothing is known. */
  readonly frames: Frames | undefined;
  /** What had been written to the connection before. Bytes. */
  readonly before: number;
  /** When its client was told to go, milliseconds of `performance.now()`. */
  told?: number;
}

/** The connections that were given to the application. */
export class WebSockets {
  readonly #open = new Map<Duplex, Upgraded>();
  readonly #onSilent: (client: string) => void;
  #looks: NodeJS.Timeout | undefined;

  /** @param onSilent - a client was told to go, and did not in time. */
  constructor(onSilent: (client: string) => void) {
    this.#onSilent = onSilent;
  }

  /** A connection is given to the application, which has written nothing to it. `onClose` is called when it closes. */
  add(request: IncomingMessage, stream: Duplex, onClose?: () => void): void {
    const socket = stream as Socket;
    const before = socket.bytesWritten;
    // A request with a body has a stream of its own in the place of the connection.
    const frames = isWebSocket(request) && stream === request.socket ? followFrames(socket) : undefined;
    this.#open.set(stream, { socket, frames, before });
    whenClosed(stream, () => {
      this.#open.delete(stream);
      onClose?.();
    });
  }

  /**
   * Tells each client of a WebSocket that this server is going away, where it is sure that a frame of ours comes between two of the
   * application's. Libraries answer the close frame that the client sends back. One that does not is waited for no longer than {@link FAREWELL}.
   */
  sayGoodbye(): void {
    this.#looks ??= setInterval(() => this.#look(), LOOK).unref();
    setImmediate(() => this.#look());
  }

  /** Waits for nobody any longer: ends the own side of each, and what does not close then. */
  endAll(): void {
    for (const upgraded of [...this.#open.values()]) this.#end(upgraded);
  }

  /** To be called when all have gone. */
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
    // Whoever has vanished confirms nothing.
    const limit = setTimeout(() => socket.destroy(), LINGER).unref();
    socket.on('close', () => clearTimeout(limit));
  }
}

/**
 * Returns whether the client knows that it should go. It is told where every byte since the upgrade has been followed, and the last one
 * ended a frame. What another stream is piped into belongs to that one: the next frame may be half there already.
 */
function tell({ socket, frames, before }: Upgraded): boolean {
  if (frames === undefined || !socket.writable) return false;
  if (frames.areClosed) return true;
  const isPiped = socket.listenerCount('unpipe') > 0;
  if (isPiped || !frames.areWhole || socket.bytesWritten - before !== frames.bytes) return false;
  socket.write(GOING_AWAY);
  return true;
}
