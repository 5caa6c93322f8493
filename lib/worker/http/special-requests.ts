import { AsyncResource } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RequestListener } from '../../options/handler.js';
import { access } from '../access/own.js';
import { isOver, markServed, noteSecure, pendingOf, settled, transportOf } from '../connections/connection.js';
import { halfClose } from '../connections/half-close.js';
import { ownerOf } from '../connections/response-head.js';
import { ApplicationEvents } from '../handlers/application-events.js';
import { attempt } from '../handlers/call-handler.js';
import { standInFront } from '../handlers/front.js';
import type { Listener } from '../handlers/listener.js';
import { answerNotFound } from '../handlers/server-handler.js';
import { report } from '../requests/refusal.js';
import { onClientError, type UnderWay } from './broken-request.js';
import { limitHeaders, nameOverflow } from './header-count.js';
import type { FedServer } from './server.js';
import { decideUpgrades } from './upgrades.js';

/** What a worker does with the events of its server. */
export interface OtherRequests {
  /** Whether an application's own protocol may take a connection over. */
  readonly upgrades: boolean;
  readonly http2: boolean;
  /** Serves a plain request. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  /** Serves a request that is answered like a plain one: `Expect`. */
  readonly serve: (request: IncomingMessage, response: ServerResponse, answer: RequestListener) => void;
  /** The requests of a connection whose handlers have been called and whose answers have not ended. */
  readonly underWay: (transport: Socket) => readonly UnderWay[];
  /** An upgrade was meant for the application, and is served as a plain request instead. */
  readonly onUnserved: () => void;
  /** The connection of a request is handed over to the application. */
  readonly onGiven: (request: IncomingMessage, stream: Duplex) => void;
  /** A timeout of a connection has passed. `heard`: the application has a listener, which was called and decides. */
  readonly onTimeout: (stream: Socket, heard: boolean) => void;
  /** The connections on which requests may come. */
  readonly connections: () => Iterable<Socket>;
}

const EVENTS = ['request', 'upgrade', 'connect', 'checkContinue', 'checkExpectation', 'clientError'] as const;

/**
 * Of a server of the application that is not fed itself, the listeners for requests do not count: requests reach the
 * application in another way. Nor do those for CONNECT beside HTTP/2, where tunnels of HTTP/1.1 are refused.
 */
const BESIDE: ReadonlySet<string | symbol> = new Set(['request']);
const BESIDE_HTTP2: ReadonlySet<string | symbol> = new Set(['request', 'connect']);

/**
 * Marks a request or response that has come here before. An application may emit it once more, to have it served as
 * another kind of request.
 */
const SEEN: unique symbol = Symbol('seen');
type Seen = { [SEEN]?: true };

/** Undocumented, but there from Node 20 to 26. */
type Answering = Duplex & { readonly _httpMessage?: { _onPendingData(bytes: number): void } | null };

/**
 * Puts the worker in front of the application's listeners for requests, upgrades, CONNECT tunnels, expectations,
 * timeouts and malformed requests. Without an upgrade listener, Node serves an upgrade like any request, as RFC 9110,
 * 7.8 allows. Returns the function that calls the application's request listeners.
 */
export function listenToOthers(fed: FedServer, listener: Listener, worker: OtherRequests): RequestListener {
  const { server } = fed;
  const { own, beside } = listener;
  const application =
    own?.events ??
    new ApplicationEvents(server, beside && { server: beside, except: worker.http2 ? BESIDE_HTTP2 : BESIDE });
  for (const event of EVENTS) {
    const call = listener[event];
    if (call && !(own && event === 'request')) server.on(event, call);
  }
  const isNew = (request: IncomingMessage, subject: object): boolean => {
    const { socket } = request as { socket?: { server?: unknown } };
    if ((subject as Seen)[SEEN] || ownerOf(subject as ServerResponse)) return false;
    if (!('stream' in request || socket?.server === server)) return false;
    // A response that is served is recognised by the owner of its head, so it gets no second mark: that would cost
    // time.
    if (subject === request) (subject as Seen)[SEEN] = true;
    return true;
  };
  const answerWith = (event: string, otherwise: RequestListener): RequestListener => {
    return (request, response) => application.answer(event, otherwise, request, response);
  };
  const inFront = (event: string, serve: (request: IncomingMessage, response: ServerResponse) => void) => {
    return (request: IncomingMessage, response: ServerResponse): unknown =>
      isNew(request, response) ? serve(request, response) : application.call(event, request, response);
  };
  const give = (event: string) => {
    return (request: IncomingMessage, socket: Duplex, head: Buffer): unknown => {
      if (!isNew(request, request)) return application.call(event, request, socket, head);
      // Node has removed its own listeners, and the application may not have added its error listener yet.
      socket.on('error', () => undefined);
      markServed(transportOf(request.socket));
      if (event === 'connect' && !(worker.upgrades && application.hears(event))) return refuseTunnel(request, socket);
      // On Node 20 the async context here is that of the parser, which may belong to another connection next.
      const context = new AsyncResource('PREFORKUPGRADE');
      const hand = (): void => {
        worker.onGiven(request, socket);
        attempt(
          () => context.runInAsyncScope(() => application.call(event, request, socket, head)),
          (error) => {
            report(error, request);
            socket.destroy();
          },
        );
      };
      if (pendingOf(transportOf(socket)) === 0) return hand();
      // This is a tunnel; an upgrade behind unanswered requests would have been ignored.
      return allAnswered(socket as Socket).then(() => {
        if (!socket.writable) return halfClose(socket as Socket);
        // Node has set the timeout of a connection that waits for its next request.
        (socket as Socket).setTimeout((server as { timeout?: number }).timeout ?? 0);
        hand();
      });
    };
  };
  const refuseTunnel = async (request: IncomingMessage, socket: Duplex): Promise<void> => {
    if (pendingOf(transportOf(socket)) > 0) await allAnswered(socket as Socket);
    // RFC 9110, 9.3.6: this server is no proxy. If the answer before was the last of the connection, nothing can be
    // written.
    if (socket.writable) {
      socket.write('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      access?.refused(transportOf(socket), 501, request);
    }
    halfClose(socket as Socket);
  };
  const ownClientError = (error: Error, socket: Socket): boolean => {
    if (!application.hears('clientError')) return false;
    attempt(
      () => application.call('clientError', error, socket),
      () => socket.destroy(),
    );
    return true;
  };
  const serveAs = (event: string, otherwise: RequestListener) => {
    const answer = answerWith(event, otherwise);
    return inFront(event, (request, response) => worker.serve(request, response, answer));
  };

  // Hold this event: otherwise Node would answer by itself, and the worker class could not act on that answer.
  application.hold('checkExpectation');
  // With HTTP/2, CONNECT comes as a 'request' event.
  if (!worker.http2) application.hold('connect');
  fed.front.prependListener('secureConnection', noteSecure);
  // limitHeaders must come first: decideUpgrades asks its question again on a connection that has had it, and
  // recognises it by its own function in `onIncoming`.
  limitHeaders(fed);
  decideUpgrades(fed, application, listener, worker);
  const emit = standInFront(server as EventEmitter, {
    request: inFront('request', worker.onRequest),
    checkContinue: serveAs('checkContinue', answerNotFound),
    checkExpectation: serveAs('checkExpectation', refuseExpectation),
    upgrade: give('upgrade'),
    ...(!worker.http2 && { connect: give('connect') }),
    clientError: (error: Error, socket: Socket) =>
      onClientError(nameOverflow(error, socket), socket, ownClientError, worker.underWay),
    // A request beyond `maxRequestsPerSocket`, which Node answers itself. After an answer with `close`, Node sends
    // nothing.
    dropRequest: (request: IncomingMessage, socket: Socket) => {
      const transport = transportOf(socket);
      access?.follow(socket);
      if (!isOver(transport)) access?.refused(transport, 503, request);
      application.call('dropRequest', request, socket);
    },
    timeout: (stream: Socket) => {
      const heard = application.hears('timeout');
      if (heard) application.call('timeout', stream);
      worker.onTimeout(stream, heard);
    },
  });
  application.patchedBy(emit as never);
  return own ? listener.request : answerWith('request', answerNotFound);
}

/** Waits until each request of a connection that has lost its parser has been answered, or given up. */
async function allAnswered(socket: Socket): Promise<void> {
  // Along with the parser, Node has removed the 'drain' listener that tells the answer under way to go on. This
  // replaces it, without any new bytes to count.
  const goOn = (): void => (socket as Answering)._httpMessage?._onPendingData(0);
  socket.on('drain', goOn);
  await settled(transportOf(socket));
  socket.off('drain', goOn);
}

/** RFC 9110, 10.1.1. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(417, { 'Content-Length': 0 }).end();
}

/** Whether the application has a listener for a timeout of this request or response. */
export function isTimed(response: ServerResponse): boolean {
  const { req } = response;
  return response.listenerCount('timeout') > 0 || (!req.complete && req.listenerCount('timeout') > 0);
}
