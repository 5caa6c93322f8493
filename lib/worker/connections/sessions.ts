import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { whenClosed } from '../accept/accepted.js';
import { noteTransport, streamOf, transportOf } from './connection.js';

/** How long a session may be without a stream where connections are not kept. Milliseconds. */
const SILENCE = 5_000;

/** How long a client may take to close a connection whose session is over, and all of it sent. Milliseconds. */
const LINGER = 1_000;

export interface SessionSettings {
  /** How long a session may be without a stream, milliseconds; 0: connections are not kept. */
  readonly keepAlive: number;
  /** A session broke a limit of the protocol, and has been ended for that. */
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
   * Asks the clients for no further requests. RFC 9113, 6.8: the GOAWAY names the last stream that is served, so what crosses it
   * can be sent again on another connection.
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
    // One that was accepted during the drain has its first request under way.
    http2.once('stream', () => this.#draining && setImmediate(() => session.close()));
  }
}

class Session {
  readonly #http2: ServerHttp2Session;
  readonly #socket: Socket;
  /** First the idle time, then the linger. */
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
    // Asked for now: of a connection that has closed, it is not known.
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
      // Others, such as ECONNRESET, tell of clients that have gone.
      if (error.code?.startsWith('ERR_HTTP2_')) onBroken(remoteAddress, error);
    });
    http2.on('close', () => clearTimeout(this.#timer));
  }

  /** Ends it after the streams that are there. */
  close(): void {
    if (this.#ending) return;
    this.#ending = true;
    clearTimeout(this.#timer);
    this.#http2.close();
    // Once all has been sent Node waits for the client to close, without end.
    const stream = streamOf(this.#socket);
    if (stream.writableFinished) this.#linger();
    else stream.once('finish', () => this.#linger());
  }

  #linger(): void {
    this.#timer = setTimeout(() => this.#socket.destroy(), LINGER).unref();
    this.#socket.once('close', () => clearTimeout(this.#timer));
  }

  /** Timers come before the poll phase: to a process that was busy, a request may have come in time. It is read first. */
  #closeIfIdle(): void {
    setImmediate(() => this.#streams === 0 && this.close());
  }
}
