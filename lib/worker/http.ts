import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Handler, RequestListener } from '../options/types.js';
import type { Acceptor } from './acceptor.js';
import { Admission } from './admission.js';
import { Answers, endOf } from './answers.js';
import { attempt } from './attempt.js';
import { type Timeout, Worker } from './base.js';
import { closeIfIdle } from './closing.js';
import {
  connectionOf,
  countPending,
  descriptorOf,
  hasServed,
  isStream,
  MAX_PENDING,
  markServed,
  noteDescriptor,
  pendingOf,
  streamOf,
  transportOf,
} from './connection.js';
import { AppError } from './failures.js';
import { createListener } from './handlers.js';
import { closeIfLast, forceClose, watchHead } from './head.js';
import type { Listener } from './listener.js';
import { listenToOthers } from './other-requests.js';
import { openFor, socketOptions } from './own-server.js';
import { refuse, refuseNow, report } from './refusal.js';
import { createServer, type FedServer } from './server.js';
import { besideHttp2 } from './server-handler.js';
import { WebSockets } from './websockets.js';

/** What a worker has room for: connections, or requests of connections that may wait without a place. */
export type Places = 'connections' | 'requests';

/**
 * How long the first request of a connection may be on its way to a worker that drains, at least. On a busy machine, a client
 * has taken more than a second from its connect to its first byte. Milliseconds.
 */
const FIRST_REQUEST = 5_000;

/**
 * An acceptor, an `http.Server` that it feeds, and the application's handler.
 *
 * To serve another type of application, override {@link HttpWorker.createListener}; to do something around each request,
 * {@link HttpWorker.handle}.
 */
export abstract class HttpWorker<App = Handler> extends Worker<App> {
  /** How many requests, or connections, this worker holds at once. */
  protected abstract readonly capacity: number;
  /** What {@link HttpWorker.capacity} counts. */
  protected abstract readonly places: Places;
  /** Whether an application's own protocol may take a connection over. */
  protected readonly upgrades: boolean = false;
  /** Set once it takes no more work: answers close their connections. */
  protected draining = false;
  readonly #active: Answers = new Answers();
  #fed: FedServer | undefined;
  #listener: Listener | undefined;
  #request: RequestListener | undefined;
  #acceptor: Acceptor | undefined;
  readonly #handle: RequestListener = (request, response) => this.handle(request, response);
  #admission: Admission | undefined;
  readonly #isLast = this.#active.isLast;
  readonly #webSockets = new WebSockets((client) =>
    this.context.warn('websocket', `${client} did not close its WebSocket in time, so it was ended`),
  );

  /**
   * Makes a listener of the application, or several for upgrades and the like; called once, after `init`. What it throws is
   * a failure to load the application.
   */
  protected createListener(app: App): Listener | RequestListener | Promise<Listener | RequestListener> {
    return createListener(app);
  }

  /** Serves one request. What it throws or rejects with is a failure of this request alone: 500, if nothing was sent. */
  protected handle(request: IncomingMessage, response: ServerResponse): unknown {
    return this.#request?.(request, response);
  }

  /** Whether a request is served at all; one that is not gets no answer. */
  protected admit(_request: IncomingMessage): boolean {
    return true;
  }

  /** What the class does to each response before the handler sees it. */
  protected prepare(response: ServerResponse): void {
    // To Node, 0 means for ever.
    if (this.options.keepAlive === 0) forceClose(response);
    else if (this.draining) closeIfLast(response, this.#isLast);
  }

  /** What the class does after each response. */
  protected finish(_response: ServerResponse): void {}

  override async run(): Promise<void> {
    const listener = await this.#load();
    const { tls, spec } = this.context;
    const { keepAlive, http2, workerConnections } = spec.serving;
    const fed = await createServer({
      http: spec.http,
      ...{ keepAlive, tls, http2, listener },
      onBroken: (client = 'a client', { message }) =>
        this.context.warn('pipelining', `an HTTP/2 connection of ${client} broke a limit, and was ended: ${message}`),
    });
    this.#request = listenToOthers(fed, listener, {
      upgrades: this.upgrades,
      http2,
      onRequest: (request, response) => this.#serve(request, response, this.#handle),
      serve: (request, response, answer) => this.#serve(request, response, answer),
      onGiven: (request, stream) => {
        this.begin(request.method ?? '', request.url ?? '')();
        this.#webSockets.add(request, stream);
      },
      answered: (socket) => this.#active.ended(socket),
      onTimeout: (stream, heard) => this.#onTimeout(stream, heard),
      connections: () => this.#acceptor?.connections ?? [],
    });
    const acceptor = this.createAcceptor({
      capacity: this.capacity,
      // Over plain TCP, a client may end its side after the request and still wait for the answer, as with Node's own servers.
      socket: { allowHalfOpen: tls === undefined, ...socketOptions(listener.own?.server, spec.http) },
      onConnection: (socket) => {
        if (tls === undefined) noteDescriptor(socket);
        this.#admission?.welcome(socket);
        fed.front.emit('connection', socket);
      },
      onClose: (socket) => this.#closed(socket),
    });
    if (this.places === 'requests') this.#admission = new Admission(acceptor, workerConnections);
    this.#fed = fed;
    // Of what serves much per second, the record must not be what costs.
    if (this.places === 'connections' || this.thread > 0) this.context.slot.defer();
    this.#acceptor = acceptor;
    await openFor(fed.server, listener, acceptor, (message) => this.context.warn('server', message));
  }

  override async stop(): Promise<void> {
    this.draining = true;
    for (const response of this.#active.keys()) if (!response.headersSent) closeIfLast(response, this.#isLast);
    this.#fed?.drain();
    this.#webSockets.sayGoodbye();
    await this.#acceptor?.lastCall();
    const patience = setTimeout(() => this.#closeSilent(), Math.max(FIRST_REQUEST, this.options.keepAlive));
    await this.#acceptor?.close();
    clearTimeout(patience);
    this.#webSockets.close();
    await this.#listener?.close?.();
  }

  override crash(): Promise<void> {
    return this.#giveUp(500);
  }

  /** @internal */
  override timeOut(): Timeout {
    const [entry] = this.#active;
    const timeout = super.timeOut();
    if (entry === undefined) return timeout;
    const [response, { socket }] = entry;
    const { method = '', url = '' } = response.req;
    const answered = !response.headersSent;
    const request = { method, url, ...(socket.remoteAddress && { remoteAddress: socket.remoteAddress }) };
    return { answered, request, ended: Promise.all([this.#giveUp(504), timeout.ended]) };
  }

  async #giveUp(status: 500 | 504): Promise<void> {
    this.#acceptor?.abandon();
    const answered = new Set<Socket>();
    for (const [response, { socket }] of this.#active) {
      if (response.socket) answered.add(socket);
      refuse(response, status);
    }
    this.#fed?.drain();
    for (const socket of this.#acceptor?.connections ?? []) if (!answered.has(socket)) socket.destroy();
    await this.#acceptor?.close();
  }

  /** @internal */
  override lastWords(status: 500 | 503): void {
    for (const response of this.#active.keys()) refuseNow(response, status);
  }

  async #load(): Promise<Listener> {
    try {
      const made = await this.createListener(this.app);
      const whole = typeof made === 'function' ? { request: made } : made;
      const listener = this.options.http2 && whole.own ? besideHttp2(whole) : whole;
      this.#listener = listener;
      return listener;
    } catch (error) {
      throw new AppError(error);
    }
  }

  /** Those that have not sent a request are waited for no longer. */
  #closeSilent(): void {
    for (const socket of this.#acceptor?.connections ?? []) {
      if (!hasServed(socket)) closeIfIdle(streamOf(socket), () => !hasServed(socket));
    }
  }

  /** The time of a connection that is kept is over, or one that the application has set. */
  #onTimeout(stream: Socket, heard: boolean): void {
    const socket = transportOf(stream);
    const { bytesRead } = socket;
    // As Node does it: what nobody listens to ends the connection.
    if (heard && !this.draining) return;
    if (pendingOf(socket) === 0) closeIfIdle(stream, () => socket.bytesRead === bytesRead);
    else if (!heard && ![...this.#active.of(socket).keys()].some(isTimed)) stream.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse, answer: RequestListener): void {
    const socket = connectionOf(request);
    const pending = countPending(socket, 1);
    // HTTP/2 has a limit of its own, which clients know: see createServer.
    if (pending > MAX_PENDING && !isStream(request)) {
      this.#cutOff(socket, pending);
      return;
    }
    if (!this.admit(request)) return;
    markServed(socket);
    const fd = descriptorOf(socket);
    if (fd >= 0) {
      this.context.pulse.vitals.clientWaits(fd);
      watchHead(response, this.context.pulse.vitals, fd);
    }
    const admission = this.#admission;
    if (admission) admission.request(socket, () => this.#answer(socket, request, response, answer));
    else this.#answer(socket, request, response, answer);
  }

  /** Returns whether the answer is still to come. */
  #answer(socket: Socket, request: IncomingMessage, response: ServerResponse, answer: RequestListener): boolean {
    const { slot, pulse } = this.context;
    const timed = this.places === 'requests';
    let failed = false;
    const done = (): void => {
      if (!this.#active.delete(response)) return;
      slot.end(failed);
      if (timed) pulse.vitals.end();
      this.finish(response);
      countPending(socket, -1);
      // By now Node has ended its side of a connection that is not kept; the place of such a one is free once it has closed.
      if (this.#admission && streamOf(socket).writable) this.#admission.keep(socket);
    };
    this.#active.set(response, { socket, done });
    if (timed) pulse.vitals.begin();
    slot.begin(request.method ?? '', request.url ?? '');
    endOf(response).on('close', done);
    this.prepare(response);
    attempt(
      () => answer(request, response),
      (error) => {
        failed = true;
        report(error, request);
        refuse(response);
      },
    );
    return !response.writableEnded;
  }

  #cutOff(socket: Socket, pending: number): void {
    // What came with the request that was too many comes here too.
    if (socket.destroyed) return;
    const { remoteAddress = 'a client' } = socket;
    this.context.warn(
      'pipelining',
      `a connection of ${remoteAddress} was closed: ${pending} requests waited for answers`,
    );
    socket.destroy();
  }

  /** Node tells only the first of pipelined requests that its connection has closed. */
  #closed(socket: Socket): void {
    if (pendingOf(socket) > 0) for (const { done } of this.#active.of(socket).values()) done();
    const fd = descriptorOf(socket);
    if (fd >= 0) this.context.pulse.vitals.clientHasHead(fd);
    this.#admission?.end(socket);
  }
}

/** Whether the application has a listener for its timeout. */
function isTimed(response: ServerResponse): boolean {
  const { req } = response;
  return response.listenerCount('timeout') > 0 || (!req.complete && req.listenerCount('timeout') > 0);
}
