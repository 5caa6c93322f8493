import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { idleSince, servedOf, transportOf } from './connection.js';

/** How long a client may go on sending behind the end of its last answer, in all, and without a byte. Milliseconds. nginx: `lingering_time`, `lingering_timeout`. */
const TIME = 30_000;
const SILENCE = 5_000;
/** And how much: a refused upload of a gibibyte still hears its answer. */
const BYTES = 1.1 * 2 ** 30;
/** The same for a worker that drains: somebody waits for its end. Milliseconds. */
const DRAIN = { time: 5_000, silence: 2_000 } as const;
/** How often these limits are looked at. Milliseconds. */
const TICK = 250;
/** What came while a handler kept the event loop busy has not been read; of one that was shorter nothing is expected. Milliseconds. */
export const SHORT = 1;
/** Where there is no room, so many may linger all the same: at least, and as a share of what there is room for. */
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
  /** How many connections may be open, and how many are: those that linger too. */
  readonly limit: number;
  readonly open: () => number;
  /** Nothing more of the connection is served: its place is free. May be told twice. */
  readonly release: (transport: Socket) => void;
}

interface Stay {
  readonly transport: Socket;
  /** How long nothing may come. */
  readonly silence: number;
  /** When its own side has ended, and what it had read by then. */
  since: number;
  start: number;
  /** What it has read, and when it was seen that this was more. */
  read: number;
  heard: number;
}

/**
 * The lingering close. To close a connection while the client still sends (a refused upload) resets it, and a reset takes the answer
 * away from a client that has not read it yet. RFC 9112, 9.6. So the own side is ended, the place is given back, and what comes is read
 * until the client ends its side too, within limits.
 *
 * Node ends each connection that is not kept through its `destroySoon`, so that is where this begins: also for answers that Node gives by itself.
 */
export class Lingering {
  readonly #settings: LingeringSettings;
  /** In the order in which they began. */
  readonly #stays = new Map<Departing, Stay>();
  /** Those that are closed when nothing has come meanwhile, and what they had read; those behind wait for a turn more. */
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

  /** How many linger: they are open, and count for nobody. */
  get size(): number {
    return this.#stays.size;
  }

  has(stream: Socket): boolean {
    return this.#stays.has(stream);
  }

  /**
   * Takes over how a connection, or the TLS stream of one, is closed. Where all has been read and answered in no time, Node's own way will
   * do, and to replace it on each connection would cost.
   */
  guard(stream: Departing): void {
    stream.destroySoon = this.#destroySoon;
  }

  /** The worker drains, and is killed after so many milliseconds. */
  hurry(gracefulTimeout: number): void {
    this.#time = DRAIN.time;
    this.#silence = DRAIN.silence;
    this.#deadline = performance.now() + gracefulTimeout * 0.8;
  }

  /** Room is short: those that linger are the first to go, the oldest of them first. */
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

  /** Ends the own side, and reads on. Who wants none of it any more calls {@link drop} too. */
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
    // Node's own listener would tell of a request that is broken, which has been answered.
    stream.removeAllListeners('end').on('end', () => closeWhenSent(stream));
    stream.on('close', () => this.#stays.delete(stream));
    if (!stream.writableEnded) stream.end();
    if (stream.readableEnded) closeWhenSent(stream);
    process.nextTick(this.#settings.release, transport);
    this.trim();
  }

  /** What `destroySoon` does: ends a connection behind its last answer. */
  close(stream: Departing): void {
    if (stream.destroyed || this.#stays.has(stream)) return;
    const incoming = stream.parser?.incoming;
    if (incoming && !incoming.complete && !stream.readableEnded) {
      this.begin(stream);
      // A handler that has answered early may still read. Where nobody does, nothing would come any more.
      if (!isRead(incoming)) drop(stream);
      return;
    }
    if (!stream.writableEnded) stream.end();
    const transport = transportOf(stream);
    if (stream.readableEnded || !mayGoOn(transport, performance.now())) {
      closeWhenSent(stream);
      return;
    }
    // nginx does so where requests were pipelined.
    if (servedOf(transport) > 1) {
      this.begin(stream);
      return;
    }
    admitNoMore(stream);
    process.nextTick(this.#settings.release, transport);
    if (this.#ended.push([stream, transport.bytesRead]) === 1 && this.#closing.length === 0) setImmediate(this.#turn);
  }

  /** Of the whole poll phase that is behind those that are closing now. */
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
      // The application may have taken our listener off.
      if (stream.destroyed) {
        this.#stays.delete(stream);
        continue;
      }
      // Its answer is still on its way.
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

  /** It may be the handler that does not read on: from now on it gets no more. */
  #goesOn(stream: Departing, stay: Stay, now: number): boolean {
    if (!stream.isPaused()) return false;
    stay.heard = now;
    drop(stream);
    return true;
  }
}

/**
 * Whether a client may be sending although its last answer has been given: it has sent more than one request, and perhaps more at once; or the
 * answer took so long that something may have come meanwhile.
 */
function mayGoOn(transport: Socket, now: number): boolean {
  return servedOf(transport) > 1 || now - idleSince(transport) >= SHORT;
}

/** That of this process, or thread: there is one. */
let current: Lingering | undefined;

export function lingeringHere(): Lingering | undefined {
  return current;
}

/** Reads what comes past all who would, also the HTTP parser. */
export function drop(stream: Socket): void {
  stream.removeAllListeners('data').on('data', ignore).resume();
  // The parser had paused it past the stream, which believes that it is reading.
  if (!stream.destroyed) stream._read(0);
}

const ignore = (): void => undefined;

/** What Node does. */
function closeWhenSent(stream: Socket): void {
  if (stream.writableFinished) stream.destroy();
  else stream.once('finish', stream.destroy);
}

/** Whether anybody listens to the body. */
function isRead(request: IncomingMessage): boolean {
  return request.readableFlowing === true || request.listenerCount('data') + request.listenerCount('readable') > 0;
}

/** To what is read from now on no answer could be written: it is no request, and none that is wrong. */
function admitNoMore(stream: Departing): void {
  const { parser, server } = stream;
  if (!parser || !server) return;
  parser.onIncoming = (request) => {
    // Not within the parser's own call.
    setImmediate(() => stream.destroyed || drop(stream));
    Object.assign(request, { upgrade: false });
    return 0;
  };
  // Behind the last request of a connection, the parser takes each byte for an error, and Node has the server end the connection.
  const emit = (): true => {
    drop(stream);
    return true;
  };
  stream.server = Object.create(server, { emit: { value: emit } }) as EventEmitter;
}
