import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Acceptor } from '../accept/acceptor.js';
import { noteIdle, noteSecure } from '../connections/connection.js';
import { IdleConnections } from '../connections/idle.js';
import { Lingering } from '../connections/lingering.js';
import type { WorkerContext } from '../worker.js';
import type { FedServer } from './server.js';

/** How the connections of a worker end: those that have had their last answer linger, and those that are idle give room. */
export class Departures {
  readonly lingering: Lingering;
  readonly idle: IdleConnections;
  readonly #gracefulTimeout: number;

  /** @param release - nothing more of a connection is served: its place is free. May be called twice. */
  constructor(acceptor: Acceptor, { spec, tls, warn }: WorkerContext, release: (socket: Socket) => void) {
    const { workerConnections: limit, keepAlive } = spec.serving;
    this.#gracefulTimeout = spec.gracefulTimeout;
    this.lingering = new Lingering({ limit, open: () => acceptor.connections.size, release });
    const settings = { limit, keepAlive, tls: tls !== undefined };
    this.idle = new IdleConnections(acceptor, { ...settings, warn: (message) => warn('connections', message) });
  }

  watch(server: FedServer['server']): void {
    // Of a connection, the session comes first.
    server.on('session', (session: Http2Session) => this.idle.addSession(session));
    server.on('secureConnection', (stream: TLSSocket) => {
      noteSecure(stream);
      this.idle.addSecure(stream);
    });
  }

  /** A connection has been accepted. */
  add(socket: Socket, now: number): void {
    noteIdle(socket, now);
    this.lingering.trim();
  }

  /** The worker takes no more work. */
  drain(): void {
    this.lingering.hurry(this.#gracefulTimeout);
    this.idle.drain(this.#gracefulTimeout);
  }

  /** All connections have closed. */
  close(): void {
    this.idle.close();
  }
}
