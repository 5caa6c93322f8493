import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Handler, RequestListener } from '../options/types.js';
import type { HttpOptions } from '../protocol.js';
import type { Acceptor } from './acceptor.js';
import { Admission } from './admission.js';
import { Worker } from './base.js';
import { hasServed, markServed, transportOf } from './connection.js';
import { AppError } from './failures.js';
import { forceClose } from './force-close.js';
import { createListener } from './handlers.js';
import type { ConnectionListener, Listener } from './listener.js';
import { refuse, refuseNow, report } from './refusal.js';
import { createServer, type FedServer } from './server.js';

/** What a worker has room for: connections, or requests of connections that may wait without a place. */
export type Places = 'connections' | 'requests';

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
  readonly #active = new Set<ServerResponse>();
  #fed: FedServer | undefined;
  #listener: Listener | undefined;
  #acceptor: Acceptor | undefined;
  readonly #handle: RequestListener = (request, response) => this.handle(request, response);
  #admission: Admission | undefined;

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
    if (this.draining || this.options.keepAlive === 0) forceClose(response);
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
    this.#takeOver(server, listener);
    const acceptor = this.createAcceptor({
      capacity: this.capacity,
      // Over plain TCP, a client may end its side after the request and still wait for the answer, as with Node's own servers.
      socket: { allowHalfOpen: tls === undefined, ...socketOptions(spec.http) },
      onConnection: (socket) => {
        this.#admission?.welcome(socket);
        server.emit('connection', socket);
      },
      onClose: (socket) => this.#admission?.end(socket),
    });
    if (this.places === 'requests') this.#admission = new Admission(acceptor, workerConnections);
    this.#fed = fed;
    // Of what serves much per second, the record must not be what costs.
    if (this.places === 'connections' || this.thread > 0) this.context.slot.defer();
    this.#acceptor = acceptor;
    await acceptor.open();
  }

  override async stop(): Promise<void> {
    this.draining = true;
    for (const response of this.#active) if (!response.headersSent) forceClose(response);
    const closed = this.#acceptor?.close();
    this.#fed?.drain();
    // A connection that was accepted a moment ago may have its first request under way.
    const patience = setTimeout(() => this.#destroyIdle((socket) => !hasServed(socket)), this.options.keepAlive);
    await closed;
    clearTimeout(patience);
    await this.#listener?.close?.();
  }

  override async crash(): Promise<void> {
    const closed = this.#acceptor?.close();
    const answered = new Set<Socket>();
    for (const response of this.#active) {
      if (response.socket) answered.add(transportOf(response.socket));
      refuse(response);
    }
    this.#destroyIdle((socket) => !answered.has(socket));
    await closed;
  }

  /** @internal */
  override lastWords(status: 500 | 503): void {
    for (const response of this.#active) refuseNow(response, status);
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

  #destroyIdle(isIdle: (socket: Socket) => boolean): void {
    for (const socket of this.#acceptor?.connections ?? []) if (isIdle(socket)) socket.destroy();
  }

  /** What is no plain request. Without a listener, Node serves an upgrade like any request, as RFC 9110, 7.8 allows. */
  #takeOver(server: FedServer['server'], listener: Listener): void {
    const { upgrade, connect, checkContinue, checkExpectation, clientError } = listener;
    const give = (take: ConnectionListener): ConnectionListener => {
      return (request, socket, head) => {
        markServed(transportOf(socket));
        this.begin(request.method ?? '', request.url ?? '')();
        attempt(
          () => take(request, socket, head),
          (error) => {
            report(error, request);
            socket.destroy();
          },
        );
      };
    };
    if (this.upgrades && upgrade) server.on('upgrade', give(upgrade));
    // With HTTP/2 this is an event of requests.
    if (!this.options.http2) server.on('connect', this.upgrades && connect ? give(connect) : refuseTunnel);
    // To Node's own answer the class could do nothing.
    for (const [event, answer] of Object.entries({
      checkContinue,
      checkExpectation: checkExpectation ?? refuseExpectation,
    })) {
      if (answer) server.on(event, (request, response) => this.#serve(request, response, answer));
    }
    if (clientError)
      server.on('clientError', (error: Error, socket: Duplex) => {
        attempt(
          () => clientError(error, socket),
          () => socket.destroy(),
        );
      });
  }

  #serve(request: IncomingMessage, response: ServerResponse, answer: RequestListener): void {
    const socket = transportOf(request.socket);
    if (!this.admit(request)) return;
    markServed(socket);
    const admission = this.#admission;
    if (admission) admission.request(socket, () => this.#answer(request, response, answer));
    else this.#answer(request, response, answer);
  }

  /** Returns whether the answer is still to come. */
  #answer(request: IncomingMessage, response: ServerResponse, answer: RequestListener): boolean {
    const { slot } = this.context;
    let failed = false;
    this.#active.add(response);
    slot.begin(request.method ?? '', request.url ?? '');
    response.on('close', () => {
      this.#active.delete(response);
      slot.end(failed);
      this.finish(response);
      // By now Node has ended its side of a connection that is not kept; the place of such a one is free once it has closed.
      if (request.socket.writable) this.#admission?.keep(transportOf(request.socket));
    });
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
}

/** Calls the application, which may throw, or return a promise that rejects. */
function attempt(call: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const result = call();
    if (isThenable(result)) result.then(undefined, onFailure);
  } catch (error) {
    onFailure(error);
  }
}

/** RFC 9110, 9.3.6: a server that is no proxy. */
function refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
  socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
}

/** RFC 9110, 10.1.1. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(417, { 'Content-Length': 0 }).end();
}

/** What an `http.Server` would set on the connections that it accepts. */
function socketOptions({ noDelay = true, keepAlive = false, keepAliveInitialDelay = 0, highWaterMark }: HttpOptions) {
  return { noDelay, keepAlive, keepAliveInitialDelay, ...(highWaterMark !== undefined && { highWaterMark }) };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
