import { AsyncResource } from 'node:async_hooks';
import { readSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RequestListener } from '../../options/handler.js';
import { whenClosed } from '../accept/accepted.js';
import type { Entry } from '../access/entry.js';
import type { Applicant } from '../admission/admission.js';
import {
  countPending,
  descriptorOf,
  isStream,
  isTurnOf,
  markOver,
  pendingOf,
  responseOf,
  servedOf,
  streamOf,
} from '../connections/connection.js';
import { SHORT } from '../connections/lingering.js';
import { endsConnection, type HeadOwner, ownerOf } from '../connections/response-head.js';
import type { Linked } from './chain.js';
import { hasBody } from './intake.js';

/** What an answer asks the worker when its head is written, and what it tells it of its client. */
export interface Heads {
  /** Whether the connection ends with this answer. */
  readonly closes: (response: ServerResponse) => boolean;
  /** @param fd - the client's descriptor; -1 where there is none. */
  readonly clientWaits: (fd: number) => unknown;
  readonly clientHasHead: (fd: number) => unknown;
}

/** What the worker does with an arrival. */
export interface Reception {
  /** The request is served now. Returns whether the answer is still to come. */
  readonly begin: (arrival: Arrival) => boolean;
  /** The request is not served: its client has gone. */
  readonly drop: (arrival: Arrival) => void;
  /** The answer has come to its end; undefined where nobody needs to know. */
  readonly land: ((arrival: Arrival) => void) | undefined;
}

/** A request, from its head to the end of its answer. */
export class Arrival implements Applicant, HeadOwner, Linked<Arrival> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The accepted connection. It is looked up once, since the request may lose it later. */
  readonly socket: Socket;
  readonly answer: RequestListener;
  stage: 'waiting' | 'active' | 'sending' | 'closed' = 'waiting';
  /**
   * When the request began; and when its answer had been sent, if that was known at once, else 0. Of
   * `performance.now()`.
   */
  began = 0;
  ended = 0;
  /** From when on the request has waited, of `performance.now()`; 0 if it could begin as soon as it was here. */
  came = 0;
  previous: Arrival | undefined = undefined;
  next: Arrival | undefined = undefined;
  /** Whether the handler threw or rejected. */
  failed = false;
  /** Its entry in the access log, if there is a log; and its id, if requests have ids. */
  entry: Entry | undefined = undefined;
  id = '';
  reception: Reception | undefined;
  readonly #heads: Heads;
  #resource: AsyncResource | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    answer: RequestListener,
    heads: Heads,
  ) {
    this.#heads = heads;
    this.request = request;
    this.response = response;
    this.socket = socket;
    this.answer = answer;
  }

  /**
   * Keeps the async context of a request that is put off. It must be called in the context in which the request came.
   * Otherwise the request would run in the context of whatever makes room for it, and its handler would find the
   * `AsyncLocalStorage` of another client's request.
   */
  putOff(): void {
    this.#resource ??= new AsyncResource('PREFORKREQUEST');
  }

  /**
   * Requests with the same line begin in the order in which they came: those of one connection. Each stream of HTTP/2
   * has a line of its own.
   */
  get line(): object {
    return isStream(this.request) ? this.request : this.socket;
  }

  start(now: number): boolean {
    this.began = now;
    const { begin } = this.reception as Reception;
    return this.#resource === undefined ? begin(this) : this.#resource.runInAsyncScope(begin, undefined, this);
  }

  /**
   * Whether the client has gone. When a client has half-closed its connection, Node ends the server side too, unless
   * `allowHalfOpen` is set. With that option, a reset may look like a half-close: libuv reports whichever of the two
   * comes first.
   */
  isGone(): boolean {
    const { stream: http2 } = this.request as { stream?: { destroyed: boolean } };
    if (http2 !== undefined) return http2.destroyed;
    const stream = streamOf(this.socket);
    return !stream.writable || (stream.readableEnded && isReset(descriptorOf(this.socket)));
  }

  /** Whether the client may have sent data that is still unread, although its handler has answered at once. */
  mayGoOn(now: number): boolean {
    if (this.#resource !== undefined || now - this.began >= SHORT) return true;
    return servedOf(this.socket) > 1 || hasBody(this.request);
  }

  /**
   * The head of the request has come. If its answer is the next one on the connection, the watcher of this thread may
   * give that answer when the thread hangs. Otherwise the client may be in the middle of the answer before.
   */
  come(pending: number): void {
    if (pending === 1 || isTurnOf(this.response, this.socket)) this.#heads.clientWaits(descriptorOf(this.socket));
  }

  closes(response: ServerResponse): boolean {
    return this.#heads.closes(response);
  }

  headSent(): void {
    if (endsConnection(this.response)) markOver(this.socket);
    // An answer that was ended before its turn is held back by Node: its client still waits for the one before.
    if (this.response.socket) this.#heads.clientHasHead(descriptorOf(this.socket));
    this.entry?.headSent();
  }

  /** The answer has come to its end, complete or not. */
  close(now: number): void {
    this.entry?.close(now);
    this.reception?.land?.(this);
    if (pendingOf(this.socket) > 1) this.#passOn();
  }

  /**
   * Of the requests that were pipelined behind this one, the next has the connection now. Its answer may be on its way
   * already.
   */
  #passOn(): void {
    const next = responseOf(this.socket);
    if (next) this.#heads[next.headersSent ? 'clientHasHead' : 'clientWaits'](descriptorOf(this.socket));
  }

  drop(): void {
    countPending(this.socket, -1);
    this.reception?.drop(this);
  }
}

/** The arrival of a response that this library has, or had, to answer. */
export function arrivalOf(response: ServerResponse): Arrival {
  return ownerOf(response) as Arrival;
}

/**
 * Calls `act` at the end of an answer. With HTTP/2 that is the end of the stream: if the client cancels a HEAD request
 * before the handler has ended it, Node's response emits no `'close'`.
 */
export function whenEnded(response: ServerResponse, act: (this: ServerResponse) => void): void {
  const { stream } = response as { stream?: Duplex };
  if (stream === undefined) whenClosed(response, act);
  else whenClosed(stream, () => act.call(response));
}

/** Whether a connection that has been read to its end was reset. */
function isReset(fd: number): boolean {
  if (fd < 0) return false;
  try {
    readSync(fd, Buffer.alloc(1));
    return false;
  } catch {
    return true;
  }
}
