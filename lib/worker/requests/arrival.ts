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

/** What the heads of all answers are asked about, and told to. */
export interface Heads {
  /** Whether the connection ends with this answer. */
  readonly closes: (response: ServerResponse) => boolean;
  /** @param fd - -1 where there is none. */
  readonly clientWaits: (fd: number) => unknown;
  readonly clientHasHead: (fd: number) => unknown;
}

/** What becomes of an arrival. */
export interface Reception {
  /** It is served now. Returns whether the answer is still to come. */
  readonly begin: (arrival: Arrival) => boolean;
  /** It is not: its client has gone. */
  readonly drop: (arrival: Arrival) => void;
  /** Its answer has come to its end; undefined where nobody asks. */
  readonly land: ((arrival: Arrival) => void) | undefined;
}

/** A request from its head to the end of its answer. */
export class Arrival implements Applicant, HeadOwner, Linked<Arrival> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The accepted connection, looked up once: later the request may have lost it. */
  readonly socket: Socket;
  readonly answer: RequestListener;
  stage: 'waiting' | 'active' | 'sending' | 'closed' = 'waiting';
  /** When it began; and when its answer had been sent, if that was known at once, else 0. Of `performance.now()`. */
  began = 0;
  ended = 0;
  /** From when on it has waited, if it could not begin as soon as it was here; of `performance.now()`, else 0. */
  came = 0;
  previous: Arrival | undefined = undefined;
  next: Arrival | undefined = undefined;
  /** What the handler did ended in an error. */
  failed = false;
  /** Its line in the access log, if there is one; and its id, if requests have ids. */
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
   * To be called in the context in which the request came, if it is put off: else it would run in that of whoever makes room for it, and
   * find the `AsyncLocalStorage` of another client's request.
   */
  putOff(): void {
    this.#resource ??= new AsyncResource('PREFORKREQUEST');
  }

  /** Those with the same one begin in the order in which they came: those of a connection, but each stream of HTTP/2 by itself. */
  get line(): object {
    return isStream(this.request) ? this.request : this.socket;
  }

  start(now: number): boolean {
    this.began = now;
    const { begin } = this.reception as Reception;
    return this.#resource === undefined ? begin(this) : this.#resource.runInAsyncScope(begin, undefined, this);
  }

  /**
   * Node has ended the own side of a connection whose client has ended the other one, unless it is told to let it be. Then a reset may
   * look like such an end: of both, libuv tells what comes first.
   */
  isGone(): boolean {
    const { stream: http2 } = this.request as { stream?: { destroyed: boolean } };
    if (http2 !== undefined) return http2.destroyed;
    const stream = streamOf(this.socket);
    return !stream.writable || (stream.readableEnded && isReset(descriptorOf(this.socket)));
  }

  /** Whether something of its client may be unread, though its handler has answered at once. */
  mayGoOn(now: number): boolean {
    if (this.#resource !== undefined || now - this.began >= SHORT) return true;
    return servedOf(this.socket) > 1 || hasBody(this.request);
  }

  /**
   * Its head has come. Where its answer is next, who watches may give it if the worker hangs; else the client may be in the
   * midst of the one before.
   */
  come(pending: number): void {
    if (pending === 1 || isTurnOf(this.response, this.socket)) this.#heads.clientWaits(descriptorOf(this.socket));
  }

  closes(response: ServerResponse): boolean {
    return this.#heads.closes(response);
  }

  headSent(): void {
    if (endsConnection(this.response)) markOver(this.socket);
    // One that was ended before its turn is kept by Node until then: its client still waits for the one before.
    if (this.response.socket) this.#heads.clientHasHead(descriptorOf(this.socket));
    this.entry?.headSent();
  }

  /** Its answer has come to its end, whole or not. */
  close(now: number): void {
    this.entry?.close(now);
    this.reception?.land?.(this);
    if (pendingOf(this.socket) > 1) this.#passOn();
  }

  /** Of those that were sent behind it, the next one has the connection now; its answer may be on its way already. */
  #passOn(): void {
    const next = responseOf(this.socket);
    if (next) this.#heads[next.headersSent ? 'clientHasHead' : 'clientWaits'](descriptorOf(this.socket));
  }

  drop(): void {
    countPending(this.socket, -1);
    this.reception?.drop(this);
  }
}

/** Of an answer that is, or was, ours to give. */
export function arrivalOf(response: ServerResponse): Arrival {
  return ownerOf(response) as Arrival;
}

/**
 * Calls `act` at the end of an answer. With HTTP/2 that is the stream's: to HEAD, a response of Node has no `'close'` when the client
 * takes the request back before the handler has ended it.
 */
export function whenEnded(response: ServerResponse, act: (this: ServerResponse) => void): void {
  const { stream } = response as { stream?: Duplex };
  if (stream === undefined) whenClosed(response, act);
  else whenClosed(stream, () => act.call(response));
}

/** Of a connection that has been read to its end. */
function isReset(fd: number): boolean {
  if (fd < 0) return false;
  try {
    readSync(fd, Buffer.alloc(1));
    return false;
  } catch {
    return true;
  }
}
