import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { pace } from '../../pace.js';
import type { Acceptor } from '../accept/acceptor.js';
import { idleSince, pendingOf, servedOf, streamOf, transportOf } from './connection.js';
import { closeIfIdle, halfCloseIdle, isRest } from './half-close.js';

/**
 * Where all places are taken, no connection that has been idle for less than this is closed. A client that sends
 * request after request is idle between two of them too, and newcomers must not drive each other out. Milliseconds.
 */
const GRACE = 1_000;
/**
 * How often a worker whose places are all taken looks whether a client waits, while an idle connection could be closed.
 * Milliseconds.
 */
const LOOK = 10;

/**
 * How long connections may be idle in a worker that drains: before their first request, and after that; and how often
 * that is looked at. The first request may take long to arrive: on a busy machine, a client has taken more than a
 * second from its connect to its first byte. Milliseconds.
 */
const DRAIN = { first: pace('firstRequest', 5_000), kept: 2_000, look: 250 } as const;

export interface IdleSettings {
  /** How many connections there may be. */
  readonly limit: number;
  readonly keepAlive: number;
  readonly tls: boolean;
  readonly warn: (message: string) => void;
}

interface Candidate {
  readonly socket: Socket;
  readonly since: number;
}

/**
 * The connections on which no request is in flight: where room is short, they have no right to their places. To keep
 * requests cheap, each only notes when its connection turned idle; the one that has been idle for the longest is looked
 * for when it is needed.
 */
export class IdleConnections {
  readonly #acceptor: Acceptor;
  readonly #settings: IdleSettings;
  /** The connections that the application owns, after an upgrade or as a tunnel (CONNECT). */
  readonly #given = new WeakSet<Socket>();
  readonly #sessions = new WeakMap<Socket, Http2Session>();
  /** The connections that are about to be closed. */
  readonly #leaving = new WeakSet<Socket>();
  /**
   * The connections that could be closed if they are still idle. The one that has been idle for the longest is last.
   */
  #candidates: Candidate[] = [];
  /** When there may be candidates again, by `performance.now()`. */
  #nextScan = 0;
  /** How many were idle at the time `at` of `performance.now()`. */
  #counted = { at: Number.NEGATIVE_INFINITY, count: 0 };
  /** Whether the last look found a client that waited. */
  #found = false;
  #timer: NodeJS.Timeout | undefined;
  #drain: NodeJS.Timeout | undefined;

  constructor(acceptor: Acceptor, settings: IdleSettings) {
    this.#acceptor = acceptor;
    this.#settings = settings;
  }

  /** A connection belongs to the application now, which does not tell what is under way on it. */
  give(socket: Socket): void {
    this.#given.add(socket);
  }

  /** HTTP/2 is spoken on a connection. */
  addSession(session: Http2Session): void {
    this.#sessions.set(transportOf(session.socket as TLSSocket), session);
  }

  /** The handshake of a connection is over. */
  addSecure(stream: TLSSocket): void {
    // Once a session has ended, Node waits without a limit for the client to end its side.
    if (this.#sessions.has(transportOf(stream))) stream.once('finish', () => halfCloseIdle(stream));
  }

  /**
   * Closes an idle connection because room is short: not by a reset, and only if no request has come by now.
   *
   * @param stays - called if one has come, so that the connection stays.
   */
  evict(socket: Socket, stays?: () => void): void {
    const { limit, warn } = this.#settings;
    warn(
      `all ${limit} connections that a worker may hold are open (workerConnections), ${this.#count()} of them idle: to make room, it closes those that have been idle for the longest`,
    );
    this.#leave(socket, stays);
  }

  /** All places for connections are taken. */
  readonly onFull = (): void => {
    if (this.#acceptor.waits || this.#found) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    if (this.#acceptor.waits) this.#look();
    else if (this.#found) setImmediate(this.#look);
    else this.#timer ??= setTimeout(this.#look, LOOK).unref();
    this.#found = this.#acceptor.waits;
  };

  /**
   * From now on idle connections are closed.
   *
   * @param gracefulTimeout - after how long the worker is killed, milliseconds.
   */
  drain(gracefulTimeout: number): void {
    const start = performance.now();
    const half = gracefulTimeout / 2;
    const first = Math.min(DRAIN.first, half);
    const kept = Math.min(DRAIN.kept, half, this.#settings.keepAlive || DRAIN.kept);
    const look = (): void => {
      const now = performance.now();
      for (const socket of this.#acceptor.connections) {
        const limit = servedOf(socket) > 0 ? kept : first;
        if (now - Math.max(start, idleSince(socket)) >= limit && this.#isIdle(socket)) this.#leave(socket);
      }
    };
    this.#drain = setInterval(look, Math.min(DRAIN.look, kept / 2));
  }

  close(): void {
    clearInterval(this.#drain);
    clearTimeout(this.#timer);
  }

  /** Lets one more client in, if one waits and an idle connection can be closed. */
  readonly #look = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const acceptor = this.#acceptor;
    if (acceptor.hasRoom || acceptor.left) return;
    const oldest = this.#oldest();
    if (oldest && acceptor.waits) this.evict(oldest, this.onFull);
    else if (oldest) acceptor.look();
    this.#timer = setTimeout(this.#look, oldest ? LOOK : Math.max(LOOK, this.#nextScan - performance.now())).unref();
  };

  /** The connection that has been idle for the longest, if any may be closed. */
  #oldest(): Socket | undefined {
    const now = performance.now();
    if (this.#candidates.length === 0 && now >= this.#nextScan) this.#scan(now);
    for (let last = this.#candidates.at(-1); last; last = this.#candidates.at(-1)) {
      if (this.#isIdle(last.socket) && idleSince(last.socket) === last.since) return last.socket;
      this.#candidates.pop();
    }
    return undefined;
  }

  #scan(now: number): void {
    // A connection that is busy now cannot be a candidate before that.
    this.#nextScan = now + GRACE;
    for (const socket of this.#acceptor.connections) {
      if (!this.#isIdle(socket)) continue;
      const since = idleSince(socket);
      if (now - since >= GRACE) this.#candidates.push({ socket, since });
      else this.#nextScan = Math.min(this.#nextScan, since + GRACE);
    }
    this.#candidates.sort((one, other) => other.since - one.since);
  }

  /** How many connections are idle; counted once a second at most. */
  #count(): number {
    const now = performance.now();
    if (now - this.#counted.at >= GRACE) {
      const count = [...this.#acceptor.connections].filter((socket) => this.#isIdle(socket)).length;
      this.#counted = { at: now, count };
    }
    return this.#counted.count;
  }

  #isIdle(socket: Socket): boolean {
    // A connection that was accepted without a place has no time noted yet.
    if (idleSince(socket) === 0 || pendingOf(socket) > 0 || this.#given.has(socket) || this.#leaving.has(socket))
      return false;
    // The place of a connection that lingers, or whose own side has ended, is free already.
    return streamOf(socket).writable;
  }

  #leave(socket: Socket, stays?: () => void): void {
    const stream = streamOf(socket);
    const { bytesRead } = socket;
    this.#leaving.add(socket);
    closeIfIdle(
      stream,
      () => pendingOf(socket) === 0 && (socket.bytesRead === bytesRead || isRest(stream)) && !this.#given.has(socket),
      () => this.#end(socket, stream),
      () => {
        this.#leaving.delete(socket);
        stays?.();
      },
    );
  }

  #end(socket: Socket, stream: Socket): void {
    const session = this.#sessions.get(socket);
    if (session) session.close();
    // In the middle of a TLS handshake there is nothing that the client could be told.
    else if (this.#settings.tls && stream === socket) socket.destroy();
    else halfCloseIdle(stream);
  }
}
