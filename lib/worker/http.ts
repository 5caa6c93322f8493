import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Handler, RequestListener } from '../options/types.js';
import type { HttpOptions } from '../protocol.js';
import type { Acceptor } from './acceptor.js';
import { Admission } from './admission.js';
import { attempt } from './attempt.js';
import { type Timeout, Worker } from './base.js';
import { closeIfIdle } from './closing.js';
import {
  countPending,
  descriptorOf,
  hasServed,
  markServed,
  noteDescriptor,
  noteSecure,
  pendingOf,
  streamOf,
  transportOf,
} from './connection.js';
import { departure } from './departure.js';
import { AppError } from './failures.js';
import { createListener } from './handlers.js';
import { closeIfLast, forceClose, watchHead } from './head.js';
import { announce, endKept, endLate } from './late.js';
import type { Listener } from './listener.js';
import { listenToOthers } from './other-requests.js';
import { refuse, refuseNow, report } from './refusal.js';
import { createServer, type FedServer } from './server.js';
import { WebSockets } from './websockets.js';

/** What a worker has room for: connections, or requests of connections that may wait without a place. */
export type Places = 'connections' | 'requests';

/** So many requests of one connection may wait for their answers: whoever pipelines more wants to fill the memory. */
const MAX_PIPELINED = 1_000;

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
  /** Whether it takes no more work: answers close their connections. */
  protected get draining(): boolean {
    return departure.hasBegun;
  }
  /** The answers under way, and what is to be done when one has come to its end. */
  readonly #active = new Map<ServerResponse, () => void>();
  #fed: FedServer | undefined;
  #listener: Listener | undefined;
  #acceptor: Acceptor | undefined;
  readonly #handle: RequestListener = (request, response) => this.handle(request, response);
  #admission: Admission | undefined;
  readonly #webSockets = new WebSockets();

  /**
   * Makes a listener of the application, or several for upgrades and the like; called once, after `init`. What it throws is
   * a failure to load the application.
   */
  protected createListener(app: App): Listener | RequestListener | Promise<Listener | RequestListener> {
    return createListener(app);
  }

  /** Serves one request. What it throws or rejects with is a failure of this request alone: 500, if nothing was sent. */
  protected handle(request: IncomingMessage, response: ServerResponse): unknown {
    return this.#listener?.request(request, response);
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
      http: { keepAliveTimeout: keepAlive, ...spec.http },
      ...{ tls, http2 },
      onRequest: (request, response) => this.#serve(request, response, this.#handle),
    });
    const { server } = fed;
    listenToOthers(server, listener, {
      upgrades: this.upgrades,
      http2,
      serve: (request, response, answer) => this.#serve(request, response, answer),
      onGiven: (request, stream) => {
        this.begin(request.method ?? '', request.url ?? '')();
        this.#webSockets.add(request, stream);
      },
      answered: (socket) => this.#answered(socket),
    });
    server.on('secureConnection', noteSecure);
    server.on('timeout', (stream: Socket) => this.#onTimeout(stream));
    const acceptor = this.createAcceptor({
      capacity: this.capacity,
      // Over plain TCP, a client may end its side after the request and still wait for the answer, as with Node's own servers.
      socket: { allowHalfOpen: tls === undefined, ...socketOptions(spec.http) },
      onConnection: (socket) => {
        if (tls === undefined) noteDescriptor(socket);
        this.#admission?.welcome(socket);
        server.emit('connection', socket);
      },
      onClose: (socket) => this.#closed(socket),
    });
    if (this.places === 'requests') this.#admission = new Admission(acceptor, workerConnections);
    this.#fed = fed;
    // Of what serves much per second, the record must not be what costs.
    if (this.places === 'connections' || this.thread > 0) this.context.slot.defer();
    this.#acceptor = acceptor;
    await acceptor.open();
  }

  /** @internal */
  override hurry(farewell: number): void {
    if (this.#acceptor) void endLate(this.#acceptor, this.#active, farewell, this.context);
  }

  override async stop(): Promise<void> {
    announce(this.#listener, this.context.tell);
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
    const [response] = this.#active.keys();
    const timeout = super.timeOut();
    if (response === undefined) return timeout;
    const { method = '', url = '', socket } = response.req;
    const answered = !response.headersSent;
    const request = { method, url, ...(socket.remoteAddress && { remoteAddress: socket.remoteAddress }) };
    return { answered, request, ended: Promise.all([this.#giveUp(504), timeout.ended]) };
  }

  async #giveUp(status: 500 | 504): Promise<void> {
    this.#acceptor?.abandon();
    const answered = new Set<Socket>();
    for (const response of this.#active.keys()) {
      if (response.socket) answered.add(transportOf(response.socket));
      refuse(response, status);
    }
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
      const listener = typeof made === 'function' ? { request: made } : made;
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
  #onTimeout(stream: Socket): void {
    const socket = transportOf(stream);
    const { bytesRead } = socket;
    if (pendingOf(socket) === 0) closeIfIdle(stream, () => socket.bytesRead === bytesRead);
    // As Node does it: what nobody listens to ends the connection.
    else if (![...this.#of(socket).keys()].some(isTimed)) stream.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse, answer: RequestListener): void {
    const socket = transportOf(request.socket);
    if (countPending(socket, 1) > MAX_PIPELINED) {
      socket.destroy();
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
    if (admission) admission.request(socket, () => this.#answer(request, response, answer));
    else this.#answer(request, response, answer);
  }

  /** Returns whether the answer is still to come. */
  #answer(request: IncomingMessage, response: ServerResponse, answer: RequestListener): boolean {
    const { slot, pulse } = this.context;
    const timed = this.places === 'requests';
    let failed = false;
    const done = (): void => {
      if (!this.#active.delete(response)) return;
      slot.end(failed);
      if (timed) pulse.vitals.end();
      this.finish(response);
      const socket = transportOf(request.socket);
      countPending(socket, -1);
      if (this.draining) endKept(response);
      // By now Node has ended its side of a connection that is not kept; the place of such a one is free once it has closed.
      if (request.socket.writable) this.#admission?.keep(socket);
    };
    this.#active.set(response, done);
    if (timed) pulse.vitals.begin();
    slot.begin(request.method ?? '', request.url ?? '');
    response.on('close', done);
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

  /** Node tells only the first of pipelined requests that its connection has closed. */
  #closed(socket: Socket): void {
    if (pendingOf(socket) > 0) for (const done of this.#of(socket).values()) done();
    const fd = descriptorOf(socket);
    if (fd >= 0) this.context.pulse.vitals.clientHasHead(fd);
    this.#admission?.end(socket);
  }

  /** What is under way on a connection. */
  #of(socket: Socket): Map<ServerResponse, () => void> {
    return new Map([...this.#active].filter(([{ req }]) => transportOf(req.socket) === socket));
  }

  /** Whether no other request of the connection waits for an answer behind this one. */
  readonly #isLast = (response: ServerResponse): boolean => {
    const socket = transportOf(response.req.socket);
    const answers = [...this.#of(socket).keys()];
    return answers.at(-1) === response && answers.length === pendingOf(socket);
  };

  async #answered(socket: Socket): Promise<void> {
    const responses = [...this.#of(socket).keys()];
    await Promise.all(responses.map((response) => new Promise((resolve) => response.once('close', resolve))));
  }
}

/** Whether the application has a listener for its timeout. */
function isTimed(response: ServerResponse): boolean {
  const { req } = response;
  return response.listenerCount('timeout') > 0 || (!req.complete && req.listenerCount('timeout') > 0);
}

/** What an `http.Server` would set on the connections that it accepts. */
function socketOptions({ noDelay = true, keepAlive = false, keepAliveInitialDelay = 0, highWaterMark }: HttpOptions) {
  return { noDelay, keepAlive, keepAliveInitialDelay, ...(highWaterMark !== undefined && { highWaterMark }) };
}
