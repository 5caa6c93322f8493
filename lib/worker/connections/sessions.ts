import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { whenClosed } from '../accept/accepted.js';
import { noteTransport, streamOf, transportOf } from './connection.js';

/** How long a session may be without a stream where `keepAlive` is 0. Milliseconds. */
const SILENCE = 5_000;

/**
 * How long a client may take to close a connection after its session is over and everything has been sent.
 * Milliseconds.
 */
const LINGER = 1_000;

export interface SessionSettings {
  /** How long a session may be without a stream, milliseconds. With 0, connections are not kept. */
  readonly keepAlive: number;
  /** Called when a session broke a limit of the protocol and has been ended for that. */
  readonly onBroken: (client: string | undefined, error: Error) => void;
}

/** The HTTP/2 sessions of a server. */
export class Sessions {
  readonly #open = new Set<Session>();
  readonly #settings: SessionSettings;
  #draining = false;

  constructor(server: Http2SecureServer, settings: SessionSettings) {
    this.#settings = settings;
    server.on('session', (session) => this.#add(session));
  }

  /**
   * Asks the clients for no further requests. RFC 9113, 6.8: the GOAWAY names the last stream that is served, so what
   * crosses it can be sent again on another connection.
   */
  drain(): void {
    this.#draining = true;
    for (const session of this.#open) session.close();
  }

  #add(http2: ServerHttp2Session): void {
    const { keepAlive, onBroken } = this.#settings;
    const session = new Session(http2, keepAlive || SILENCE, onBroken);
    this.#open.add(session);
    http2.on('close', () => this.#open.delete(session));
    // The first request of a session that was accepted during the drain may be in flight, so it is served first.
    http2.once('stream', () => this.#draining && setImmediate(() => session.close()));
  }
}

class Session {
  readonly #http2: ServerHttp2Session;
  readonly #socket: Socket;
  /** First the timer of the idle time, then that of the linger. */
  #timer: NodeJS.Timeout;
  #streams = 0;
  #ending = false;
  readonly #onStreamClose = (): void => {
    this.#streams--;
    if (!this.#ending) this.#timer.refresh();
  };

  constructor(http2: ServerHttp2Session, keepAlive: number, onBroken: SessionSettings['onBroken']) {
    this.#http2 = http2;
    const socket = transportOf(http2.socket);
    this.#socket = socket;
    // Read now: it is not known any more once the connection has closed.
    const { remoteAddress } = socket;
    // Node's own limit for an idle session counts a stream that waits for its answer as idle.
    this.#timer = setTimeout(() => this.#closeIfIdle(), keepAlive).unref();
    // Before the server's own listener, which makes a request of the stream.
    http2.prependListener('stream', (stream: ServerHttp2Stream) => {
      noteTransport(stream, socket);
      this.#streams++;
      whenClosed(stream, this.#onStreamClose);
    });
    http2.on('error', (error: NodeJS.ErrnoException) => {
      // Other errors, such as ECONNRESET, mean that the client has gone.
      if (error.code?.startsWith('ERR_HTTP2_')) onBroken(remoteAddress, error);
    });
    http2.on('close', () => clearTimeout(this.#timer));
  }

  /** Ends the session once its present streams are over. */
  close(): void {
    if (this.#ending) return;
    this.#ending = true;
    clearTimeout(this.#timer);
    this.#http2.close();
    // Once everything has been sent, Node waits for the client to close, without a limit.
    const stream = streamOf(this.#socket);
    if (stream.writableFinished) this.#linger();
    else stream.once('finish', () => this.#linger());
  }

  #linger(): void {
    this.#timer = setTimeout(() => this.#socket.destroy(), LINGER).unref();
    this.#socket.once('close', () => clearTimeout(this.#timer));
  }

  /**
   * Timers run before the poll phase: if the process was busy, a request may have come in time and not been read yet.
   * So the poll phase comes first.
   */
  #closeIfIdle(): void {
    setImmediate(() => this.#streams === 0 && this.close());
  }
}
