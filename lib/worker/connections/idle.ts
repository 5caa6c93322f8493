import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { pace } from '../../pace.js';
import type { Acceptor } from '../accept/acceptor.js';
import { idleSince, pendingOf, servedOf, streamOf, transportOf } from './connection.js';
import { closeIfIdle, halfCloseIdle, isRest } from './half-close.js';

/**
 * Where all places are taken, nobody who was idle for a shorter time has to go: a client that asks again and again is idle between two requests
 * too, and newcomers must not drive each other out. Milliseconds.
 */
const GRACE = 1_000;
/** How often a worker whose places are all taken looks whether somebody waits, if one that is idle could go. Milliseconds. */
const LOOK = 10;

/**
 * How long connections may be idle in a worker that drains. The first request of one may be on its way for long: on a busy machine, a client
 * has taken more than a second from its connect to its first byte. Milliseconds.
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
 * The connections on which no request is under way: they have no right to their places. On the way of a request there is only a note of when
 * its connection turned idle; who that was first is looked for when it is asked.
 */
export class IdleConnections {
  readonly #acceptor: Acceptor;
  readonly #settings: IdleSettings;
  /** The application's, by an upgrade or as a tunnel. */
  readonly #given = new WeakSet<Socket>();
  readonly #sessions = new WeakMap<Socket, Http2Session>();
  /** They are about to be closed. */
  readonly #leaving = new WeakSet<Socket>();
  /** Those that could go, the one that has been idle for the longest last, as far as they are still idle. */
  #candidates: Candidate[] = [];
  /** When there may be some again. */
  #nextScan = 0;
  /** How many were idle at that time, of `performance.now()`. */
  #counted = { at: Number.NEGATIVE_INFINITY, count: 0 };
  /** The last look found somebody who waited. */
  #found = false;
  #timer: NodeJS.Timeout | undefined;
  #drain: NodeJS.Timeout | undefined;

  constructor(acceptor: Acceptor, settings: IdleSettings) {
    this.#acceptor = acceptor;
    this.#settings = settings;
  }

  /** A connection is the application's: it says nothing of what is under way on it. */
  give(socket: Socket): void {
    this.#given.add(socket);
  }

  /** HTTP/2 is spoken on a connection. */
  addSession(session: Http2Session): void {
    this.#sessions.set(transportOf(session.socket as TLSSocket), session);
  }

  /** The handshake of a connection is over. */
  addSecure(stream: TLSSocket): void {
    // Once a session has ended, Node waits for the client to end its side, for ever.
    if (this.#sessions.has(transportOf(stream))) stream.once('finish', () => halfCloseIdle(stream));
  }

  /**
   * Closes an idle connection because room is short: not by a reset, and only if no request has come by now.
   *
   * @param stays - told when one has.
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

  /** Lets one more in, if somebody waits and one that is idle can go. */
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
    // Who is busy now is no candidate before that.
    this.#nextScan = now + GRACE;
    for (const socket of this.#acceptor.connections) {
      if (!this.#isIdle(socket)) continue;
      const since = idleSince(socket);
      if (now - since >= GRACE) this.#candidates.push({ socket, since });
      else this.#nextScan = Math.min(this.#nextScan, since + GRACE);
    }
    this.#candidates.sort((one, other) => other.since - one.since);
  }

  #count(): number {
    const now = performance.now();
    if (now - this.#counted.at >= GRACE) {
      const count = [...this.#acceptor.connections].filter((socket) => this.#isIdle(socket)).length;
      this.#counted = { at: now, count };
    }
    return this.#counted.count;
  }

  #isIdle(socket: Socket): boolean {
    // One that has been accepted beyond all places has not begun.
    if (idleSince(socket) === 0 || pendingOf(socket) > 0 || this.#given.has(socket) || this.#leaving.has(socket))
      return false;
    // Of one that lingers, or has ended, the place is free already.
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
    // In the midst of a handshake there is nobody who could be told anything.
    else if (this.#settings.tls && stream === socket) socket.destroy();
    else halfCloseIdle(stream);
  }
}
