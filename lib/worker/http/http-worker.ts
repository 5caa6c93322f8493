/*
 * How a Node server that never listens is fed with connections, and what the worker does with the server's events.
 * requests/ and admission/ decide when a request is served.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Handler, RequestListener } from '../../options/handler.js';
import type { Acceptor } from '../accept/acceptor.js';
import { access } from '../access/own.js';
import {
  connectionOf,
  countPending,
  forgetDescriptor,
  isOver,
  isOverAndSent,
  isStream,
  MAX_PENDING,
  markServed,
  noteDescriptor,
  pendingOf,
  servedOf,
  streamOf,
  transportOf,
} from '../connections/connection.js';
import { createFirstBytes } from '../connections/first-bytes.js';
import { closeIfIdle } from '../connections/half-close.js';
import { createProxyHeaders } from '../connections/proxy-protocol.js';
import { ownHead } from '../connections/response-head.js';
import { departure } from '../drain-signal.js';
import { AppError } from '../failures.js';
import { createListener } from '../handlers/handlers.js';
import { asListener, type Listener } from '../handlers/listener.js';
import { besideHttp2 } from '../handlers/server-handler.js';
import { Answers } from '../requests/answers.js';
import { Arrival, type Heads } from '../requests/arrival.js';
import { announce, endLate } from '../requests/endless-answers.js';
import { cutOff } from '../requests/refusal.js';
import { type Timeout, Worker } from '../worker.js';
import { Departures } from './departures.js';
import { answerPast, giveUp, overdueRequest } from './early-end.js';
import { openFor, socketOptions, toldOf } from './exported-server.js';
import { checkPlaces, type Places } from './places.js';
import { createServer, type FedServer } from './server.js';
import { isTimed, listenToOthers } from './special-requests.js';
import { WebSockets } from './websockets.js';

/**
 * An HTTP worker: an acceptor, an `http.Server` that the acceptor feeds, and the application's handler.
 *
 * To serve another type of application, override {@link HttpWorker.createListener}. To do something around each
 * request, override {@link HttpWorker.handle}.
 */
export abstract class HttpWorker<App = Handler> extends Worker<App> {
  /** How many requests, or connections, this worker holds at once. */
  protected abstract readonly capacity: number;
  /** What {@link HttpWorker.capacity} counts. */
  protected abstract readonly places: Places;
  /** Whether an application's own protocol may take a connection over. */
  protected readonly upgrades: boolean = false;
  /** Whether this worker takes no more work, so that each answer closes its connection. */
  protected get draining(): boolean {
    return departure.hasBegun;
  }
  readonly #answers: Answers = new Answers({
    context: this.context,
    prepare: (response) => this.prepare(response),
    finish: (response, began, ended) => this.finish(response, began, ended),
    guard: (socket) => this.#departures?.lingering.guard(streamOf(socket)),
  });
  #fed: FedServer | undefined;
  #listener: Listener | undefined;
  #request: RequestListener | undefined;
  #acceptor: Acceptor | undefined;
  #closed: (() => void) | undefined;
  #departures: Departures | undefined;
  readonly #webSockets = new WebSockets((client) =>
    this.context.warn('websocket', `${client} did not close its WebSocket in time, so it was ended`),
  );
  readonly #heads: Heads = {
    closes: (response) => this.closes(response),
    clientWaits: (fd) => fd >= 0 && this.context.pulse.vitals.clientWaits(fd),
    clientHasHead: (fd) => fd >= 0 && this.context.pulse.vitals.clientHasHead(fd),
  };

  /**
   * Makes a listener of the application, or several for upgrades and the like. It is called once, after `init`. An
   * error that it throws is a failure to load the application.
   */
  protected createListener(app: App): Listener | RequestListener | Promise<Listener | RequestListener> {
    return createListener(app);
  }

  /**
   * Serves one request. If it throws or rejects, only this request fails: its client gets a 500, if nothing was sent
   * yet.
   */
  protected handle(request: IncomingMessage, response: ServerResponse): unknown {
    return this.#request?.(request, response);
  }

  /**
   * Whether a request is served; otherwise it gets no answer. Without keep-alive, only a connection's first request is
   * served.
   */
  protected admit(request: IncomingMessage): boolean {
    return this.options.keepAlive > 0 || isStream(request) || servedOf(connectionOf(request)) === 0;
  }

  /** What the class does to each response before the handler sees it. */
  protected prepare(_response: ServerResponse): void {}

  /**
   * Whether the connection ends with this answer. It is asked when the head of the answer is written, and only for
   * HTTP/1.
   */
  protected closes(response: ServerResponse): boolean {
    // Node takes a keep-alive timeout of 0 as no limit.
    if (this.options.keepAlive === 0) return true;
    // This runs for each answer; mostly the worker does not drain and nobody waits, so that is checked first.
    if (!this.draining && this.#answers.crowd?.isWaiting !== true) return false;
    return this.isLast(response) && (this.draining || this.#answers.crowd?.giveWay() === true);
  }

  /**
   * @internal Whether no other request of its connection waits behind this answer. Such a request would get no answer
   * if this one closed the connection.
   */
  protected isLast(response: ServerResponse): boolean {
    return this.#answers.isLast(response);
  }

  /**
   * What the class does after each response.
   *
   * @param _began - when its request got its place, of `performance.now()`; 0 where {@link HttpWorker.places} are those
   * of connections.
   * @param _ended - when it ended: now.
   */
  protected finish(_response: ServerResponse, _began: number, _ended: number): void {}

  /** @internal */
  override standBy(): Promise<Listener> {
    return this.#load();
  }

  override async run(): Promise<void> {
    const listener = this.#listener ?? (await this.#load());
    const { tls, onTicketKeys, spec } = this.context;
    const { keepAlive, http2, allowHalfOpen } = spec.serving;
    const fed = await createServer({
      http: spec.http,
      ...{ keepAlive, tls, onTicketKeys, http2, listener },
      onBroken: (client = 'a client', { message }) =>
        this.context.warn('pipelining', `an HTTP/2 connection of ${client} broke a limit, and was ended: ${message}`),
    });
    // Otherwise Node drops the answer to a client that has half-closed its connection.
    if (allowHalfOpen) Object.assign(fed.server, { httpAllowHalfOpen: true });
    const heard = fed.server.listenerCount('connection');
    const told = toldOf(this.context, this.upgrades);
    const handle = fed.limited((request, response) => this.handle(request, response));
    this.#request = listenToOthers(fed, listener, {
      ...{ upgrades: this.upgrades, http2, onUnserved: told.onUnserved },
      onRequest: (request, response) => this.#serve(request, response, handle),
      // A client that sends `Expect` may hold its body back until the application asks for it, so the body is not
      // waited for.
      serve: (request, response, answer) => this.#serve(request, response, fed.limited(answer), false),
      onGiven: (request, stream) => {
        this.begin(request.method ?? '', request.url ?? '')();
        const onClose = access?.give(request, transportOf(request.socket), stream);
        this.#departures?.idle.give(transportOf(stream));
        this.#webSockets.add(request, stream, onClose);
      },
      underWay: (socket) => this.#answers.of(socket),
      onTimeout: (stream, heard) => this.#onTimeout(stream, heard),
      connections: () => this.#acceptor?.connections ?? [],
    });
    const firstBytes = this.places === 'requests' && !tls ? createFirstBytes(fed.server, heard) : undefined;
    const proxied = createProxyHeaders(fed.front, tls !== undefined, this.context.warn);
    const acceptor = this.createAcceptor({
      capacity: this.capacity,
      socket: { allowHalfOpen: tls === undefined, ...socketOptions(listener.own?.server, spec.http) },
      onConnection: (socket) => {
        if (tls === undefined) this.#heads.clientHasHead(noteDescriptor(socket));
        const now = performance.now();
        departures.add(socket, now);
        this.#answers.welcome(socket, now);
        if (!proxied?.take(socket)) fed.front.emit('connection', socket);
        firstBytes?.take(socket);
      },
      ...(firstBytes && { isOver: isOverAndSent }),
      onClose: (socket) => {
        this.#heads.clientHasHead(forgetDescriptor(socket));
        this.#answers.closed(socket);
      },
      ...(this.places === 'connections' && { onFull: () => departures.idle.onFull() }),
    });
    const departures = new Departures(acceptor, this.context, (socket) => {
      if (!this.#answers.release(socket)) acceptor.leave(socket);
    });
    departures.watch(fed.front);
    checkPlaces(this.constructor.name, this.places);
    if (this.places === 'requests') this.#answers.admitWith(acceptor, departures.idle, this.capacity);
    else this.#answers.admitAll();
    this.#fed = fed;
    this.#departures = departures;
    // A worker that serves many requests per second must not spend its time on writing the scoreboard.
    if (this.places === 'connections') this.context.slot.defer();
    else this.context.slot.deferRepeated();
    this.#acceptor = acceptor;
    this.#closed = await openFor(fed.server, listener, acceptor, told);
  }

  /** @internal */
  override hurry(farewell: number): void {
    if (this.#acceptor) void endLate(this.#acceptor, () => this.#answers.active(), farewell, this.context);
    this.#webSockets.endAll();
  }

  override async stop(): Promise<void> {
    announce(this.#listener, this.context.tell);
    this.#fed?.drain();
    this.#webSockets.sayGoodbye();
    this.#departures?.drain();
    await this.#acceptor?.close();
    this.#departures?.close();
    this.#webSockets.close();
    this.#closed?.();
    await this.#listener?.close?.();
  }

  override crash(): void | Promise<void> {
    return this.#giveUp(500);
  }

  /** @internal */
  override timeOut(): Timeout {
    const overdue = overdueRequest(this.#answers);
    const timeout = super.timeOut();
    return overdue ? { ...overdue, ended: Promise.all([this.#giveUp(504), timeout.ended]) } : timeout;
  }

  #giveUp(status: 500 | 504): Promise<void> {
    return giveUp(this.#answers, status, this.#acceptor, this.#fed);
  }

  /** @internal */
  override lastWords(status: 500 | 503): void {
    answerPast(this.#answers, status);
  }

  async #load(): Promise<Listener> {
    try {
      const made = await this.createListener(this.app);
      const whole = asListener(made);
      const listener = this.options.http2 && whole.own ? besideHttp2(whole) : whole;
      this.#listener = listener;
      return listener;
    } catch (error) {
      throw new AppError(error);
    }
  }

  /**
   * A timeout of a connection has passed: that of an idle keep-alive connection, or one that the application has set.
   */
  #onTimeout(stream: Socket, heard: boolean): void {
    const socket = transportOf(stream);
    const { bytesRead } = socket;
    // As in Node: where no listener handles the timeout, the connection is closed.
    if (heard && !this.draining) return;
    if (pendingOf(socket) === 0) closeIfIdle(stream, () => socket.bytesRead === bytesRead);
    else if (!heard && !this.#answers.of(socket).some(({ response }) => isTimed(response))) stream.destroy();
  }

  /** @param whole - whether the body is waited for first, in classes whose places are for requests. */
  #serve(request: IncomingMessage, response: ServerResponse, answer: RequestListener, whole = true): void {
    const socket = connectionOf(request);
    const pending = countPending(socket, 1);
    // HTTP/2 has a limit of its own, which is announced to clients: see createServer.
    if (pending > MAX_PENDING && !isStream(request)) {
      cutOff(socket, pending, this.context.warn);
      return;
    }
    const admitted = !isOver(socket) && this.admit(request);
    markServed(socket);
    if (!admitted) {
      // The client may still send data that nobody will read.
      this.#departures?.lingering.guard(streamOf(socket));
      return;
    }
    const arrival = new Arrival(request, response, socket, answer, this.#heads);
    arrival.come(pending);
    ownHead(response, arrival);
    this.#answers.serve(arrival, whole);
  }
}
