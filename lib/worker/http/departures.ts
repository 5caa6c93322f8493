import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Acceptor } from '../accept/acceptor.js';
import { noteIdle, noteSecure } from '../connections/connection.js';
import { IdleConnections } from '../connections/idle.js';
import { Lingering } from '../connections/lingering.js';
import type { WorkerContext } from '../worker.js';
import type { FedServer } from './server.js';

/**
 * How the connections of a worker end. A connection that has had its last answer lingers; an idle one is closed to make
 * room, or in a drain.
 */
export class Departures {
  readonly lingering: Lingering;
  readonly idle: IdleConnections;
  readonly #gracefulTimeout: number;

  /**
   * @param release - called when nothing more of a connection is served, so that its place is free. May be called
   * twice.
   */
  constructor(acceptor: Acceptor, { spec, tls, warn }: WorkerContext, release: (socket: Socket) => void) {
    const { workerConnections: limit, keepAlive } = spec.serving;
    this.#gracefulTimeout = spec.gracefulTimeout;
    this.lingering = new Lingering({ limit, open: () => acceptor.connections.size, release });
    const settings = { limit, keepAlive, tls: tls !== undefined };
    this.idle = new IdleConnections(acceptor, { ...settings, warn: (message) => warn('connections', message) });
  }

  watch(server: FedServer['server']): void {
    // Of one connection, the 'session' event comes before 'secureConnection'.
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

  /** Begins the drain: the worker takes no more work. */
  drain(): void {
    this.lingering.hurry(this.#gracefulTimeout);
    this.idle.drain(this.#gracefulTimeout);
  }

  /** Stops the timers, once all connections have closed. */
  close(): void {
    this.idle.close();
  }
}
