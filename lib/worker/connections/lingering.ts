import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { idleSince, servedOf, transportOf } from './connection.js';

/**
 * How long a client may go on sending after its last answer: in all, and without a byte arriving. Milliseconds. nginx:
 * `lingering_time`, `lingering_timeout`.
 */
const TIME = 30_000;
const SILENCE = 5_000;
/** And how many bytes: a client whose upload of a gibibyte was refused still receives its answer. */
const BYTES = 1.1 * 2 ** 30;
/** The same times in a worker that drains: its end is being waited for. Milliseconds. */
const DRAIN = { time: 5_000, silence: 2_000 } as const;
/** How often these limits are looked at. Milliseconds. */
const TICK = 250;
/**
 * If an answer took at least so long, the client may have sent something meanwhile that has not been read yet; if it
 * took less, that is not expected. Milliseconds.
 */
export const SHORT = 1;
/** So many connections may linger even where there is no room: the least number, and a share of `limit`. */
const EXCESS = { least: 8, share: 1 / 16 } as const;

/** What Node's HTTP server hangs on a connection. Undocumented, but there from Node 20 to 26. */
interface Parser {
  /** The request that is being read, or was last. */
  readonly incoming: IncomingMessage | null;
  onIncoming: (request: IncomingMessage) => number;
}
export type Departing = Socket & { parser?: Parser | null; server?: EventEmitter };
type DestroySoon = (this: Departing) => void;

export interface LingeringSettings {
  /** How many connections may be open, and how many are, including those that linger. */
  readonly limit: number;
  readonly open: () => number;
  /** Called when nothing more of a connection is served, so that its place is free. May be called twice. */
  readonly release: (transport: Socket) => void;
}

/** A connection that lingers. */
interface Stay {
  readonly transport: Socket;
  /** How long the client may be silent. Milliseconds. */
  readonly silence: number;
  /** Since when the own side has been sent completely; and how many bytes had been read when the stay began. */
  since: number;
  start: number;
  /** How many bytes have been read, and when that number was last seen to grow. */
  read: number;
  heard: number;
}

/**
 * The lingering close. Closing a connection while the client still sends (a refused upload) resets it, and a reset
 * takes the answer away from a client that has not read it yet. RFC 9112, 9.6. So the own side is ended, the place is
 * given back, and what comes is read until the client ends its side too, within limits.
 *
 * Node ends each connection that is not kept through its `destroySoon`, so this class replaces that method. It is
 * called also for answers that Node gives by itself.
 */
export class Lingering {
  readonly #settings: LingeringSettings;
  /** The connections that linger, in the order in which they began. */
  readonly #stays = new Map<Departing, Stay>();
  /**
   * Connections that are closed after a whole poll phase, unless something has come meanwhile, and how many bytes each
   * had read. Those in `#closing` are looked at next, those in `#ended` one turn later.
   */
  #closing: [Departing, number][] = [];
  #ended: [Departing, number][] = [];
  #timer: NodeJS.Timeout | undefined;
  #time = TIME;
  #silence = SILENCE;
  #deadline = Number.POSITIVE_INFINITY;
  readonly #destroySoon: DestroySoon;

  constructor(settings: LingeringSettings) {
    this.#settings = settings;
    const close = (stream: Departing): void => this.close(stream);
    this.#destroySoon = function () {
      close(this);
    };
    current = this;
  }

  /** How many connections linger: they are open, but have no place. */
  get size(): number {
    return this.#stays.size;
  }

  has(stream: Socket): boolean {
    return this.#stays.has(stream);
  }

  /**
   * Takes over how a connection, or the TLS stream of one, is closed. It is not called for every connection, as that
   * would cost: where all has been read and answered at once, Node's own way of closing will do.
   */
  guard(stream: Departing): void {
    stream.destroySoon = this.#destroySoon;
  }

  /** The worker drains, and is killed after `gracefulTimeout` milliseconds. */
  hurry(gracefulTimeout: number): void {
    this.#time = DRAIN.time;
    this.#silence = DRAIN.silence;
    this.#deadline = performance.now() + gracefulTimeout * 0.8;
  }

  /** Room is short: connections that linger are the first to be closed, the oldest of them first. */
  trim(): void {
    if (this.#stays.size === 0) return;
    const { limit, open } = this.#settings;
    const others = open() - this.#stays.size;
    const room = Math.max(EXCESS.least, limit * EXCESS.share, limit - others);
    for (const stream of this.#stays.keys()) {
      if (this.#stays.size <= room) return;
      this.#stays.delete(stream);
      stream.destroy();
    }
  }

  /** Ends the own side, and reads on. To discard what is read, call {@link drop} too. */
  begin(stream: Departing, silence: number = SILENCE): void {
    if (stream.destroyed || this.#stays.has(stream)) return;
    const now = performance.now();
    const transport = transportOf(stream);
    const { bytesRead } = transport;
    const stay = { transport, silence, since: now, start: bytesRead, read: bytesRead, heard: now };
    this.#stays.set(stream, stay);
    this.#timer ??= setInterval(() => this.#look(performance.now()), TICK).unref();
    stream.setTimeout(0);
    this.guard(stream);
    admitNoMore(stream);
    // Node's own listener would report a broken request, which has been answered already.
    stream.removeAllListeners('end').on('end', () => closeWhenSent(stream));
    stream.on('close', () => this.#stays.delete(stream));
    if (!stream.writableEnded) stream.end();
    if (stream.readableEnded) closeWhenSent(stream);
    process.nextTick(this.#settings.release, transport);
    this.trim();
  }

  /** What `destroySoon` does: ends a connection after its last answer. */
  close(stream: Departing): void {
    if (stream.destroyed || this.#stays.has(stream)) return;
    const incoming = stream.parser?.incoming;
    if (incoming && !incoming.complete && !stream.readableEnded) {
      this.begin(stream);
      // A handler that has answered early may still read the body. Where nobody reads, the rest must be discarded.
      if (!isRead(incoming)) drop(stream);
      return;
    }
    if (!stream.writableEnded) stream.end();
    const transport = transportOf(stream);
    if (stream.readableEnded || !mayGoOn(transport, performance.now())) {
      closeWhenSent(stream);
      return;
    }
    // The client may be pipelining, so it may send without waiting. nginx lingers in that case too.
    if (servedOf(transport) > 1) {
      this.begin(stream);
      return;
    }
    admitNoMore(stream);
    process.nextTick(this.#settings.release, transport);
    if (this.#ended.push([stream, transport.bytesRead]) === 1 && this.#closing.length === 0) setImmediate(this.#turn);
  }

  /** A turn of the event loop is over: a whole poll phase lies behind the connections in `#closing`. */
  readonly #turn = (): void => {
    const closing = this.#closing;
    this.#closing = this.#ended;
    this.#ended = [];
    if (this.#closing.length > 0) setImmediate(this.#turn);
    for (const [stream, read] of closing) {
      if (stream.destroyed) continue;
      if (transportOf(stream).bytesRead === read) closeWhenSent(stream);
      else this.begin(stream);
    }
  };

  #look(now: number): void {
    for (const [stream, stay] of this.#stays) {
      // The application may have removed the 'close' listener.
      if (stream.destroyed) {
        this.#stays.delete(stream);
        continue;
      }
      // The answer is still being sent.
      if (!stream.writableFinished) {
        stay.since = now;
        stay.heard = now;
        if (now < this.#deadline) continue;
      }
      const { bytesRead } = stay.transport;
      if (bytesRead !== stay.read) {
        stay.read = bytesRead;
        stay.heard = now;
      }
      const over = now > this.#deadline || now - stay.since > this.#time || bytesRead - stay.start > BYTES;
      const silent = now - stay.heard > Math.min(stay.silence, this.#silence);
      if (over || (silent && !this.#goesOn(stream, stay, now))) stream.destroy();
    }
    if (this.#stays.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * The client has been silent. If the stream is paused, it is the handler that does not read on: it gets no more from
   * now on, and the connection goes on being read. Returns whether that is so.
   */
  #goesOn(stream: Departing, stay: Stay, now: number): boolean {
    if (!stream.isPaused()) return false;
    stay.heard = now;
    drop(stream);
    return true;
  }
}

/**
 * Whether a client may be sending although its last answer has been given: it has sent more than one request and may be
 * pipelining, or the answer took so long that something may have come meanwhile.
 */
function mayGoOn(transport: Socket, now: number): boolean {
  return servedOf(transport) > 1 || now - idleSince(transport) >= SHORT;
}

/** The one instance of this process, or thread. */
let current: Lingering | undefined;

export function lingeringHere(): Lingering | undefined {
  return current;
}

/** Reads and discards what comes; nobody else gets it, not even the HTTP parser. */
export function drop(stream: Socket): void {
  stream.removeAllListeners('data').on('data', ignore).resume();
  // The parser may have paused the handle directly, while the stream believes that it is reading.
  if (!stream.destroyed) stream._read(0);
}

const ignore = (): void => undefined;

/** Destroys a stream once its last byte is with the system, as Node's `destroySoon` does. */
function closeWhenSent(stream: Socket): void {
  if (stream.writableFinished) stream.destroy();
  else stream.once('finish', stream.destroy);
}

/** Whether anybody reads the body of a request. */
function isRead(request: IncomingMessage): boolean {
  return request.readableFlowing === true || request.listenerCount('data') + request.listenerCount('readable') > 0;
}

/**
 * Lets no further request begin: no answer to it could be written. What is read from now on counts neither as a request
 * nor as a malformed one.
 */
function admitNoMore(stream: Departing): void {
  const { parser, server } = stream;
  if (!parser || !server) return;
  parser.onIncoming = (request) => {
    // Not within the parser's own call.
    setImmediate(() => stream.destroyed || drop(stream));
    Object.assign(request, { upgrade: false });
    return 0;
  };
  // After the last request of a connection, the parser takes each byte for an error, which Node has the server emit.
  const emit = (): true => {
    drop(stream);
    return true;
  };
  stream.server = Object.create(server, { emit: { value: emit } }) as EventEmitter;
}
