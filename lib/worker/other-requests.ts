import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RequestListener } from '../options/types.js';
import { attempt } from './attempt.js';
import { halfClose } from './closing.js';
import { markServed, pendingOf, transportOf } from './connection.js';
import type { ConnectionListener, Listener } from './listener.js';
import { report } from './refusal.js';
import type { FedServer } from './server.js';

/** What a worker does with what is no plain request. */
export interface OtherRequests {
  /** Whether an application's own protocol may take a connection over. */
  readonly upgrades: boolean;
  readonly http2: boolean;
  /** Serves what is answered like a plain request. */
  readonly serve: (request: IncomingMessage, response: ServerResponse, answer: RequestListener) => void;
  /** A connection is given to the application. */
  readonly onGiven: (request: IncomingMessage, stream: Duplex) => void;
  /** Resolves when the requests before have been answered. */
  readonly answered: (transport: Socket) => Promise<void>;
}

/** Upgrades, tunnels, expectations and malformed requests. Without a listener, Node serves an upgrade like any request, as RFC 9110, 7.8 allows. */
export function listenToOthers(server: FedServer['server'], listener: Listener, worker: OtherRequests): void {
  const { upgrade, connect, checkContinue, checkExpectation = refuseExpectation, clientError } = listener;
  const give = (take: ConnectionListener): ConnectionListener => {
    return (request, socket, head) => {
      // Node has taken its own listeners away, and the application may not have got to set its one.
      socket.on('error', () => undefined);
      markServed(transportOf(socket));
      worker.onGiven(request, socket);
      attempt(
        () => take(request, socket, head),
        (error) => {
          report(error, request);
          socket.destroy();
        },
      );
    };
  };
  const refuseTunnel = async (_request: IncomingMessage, socket: Duplex): Promise<void> => {
    socket.on('error', () => undefined);
    const transport = transportOf(socket);
    if (pendingOf(transport) > 0) await worker.answered(transport);
    // RFC 9110, 9.3.6: a server that is no proxy.
    socket.write('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    halfClose(socket as Socket);
  };
  if (worker.upgrades && upgrade) server.on('upgrade', give(upgrade));
  // With HTTP/2 this is an event of requests.
  if (!worker.http2) server.on('connect', worker.upgrades && connect ? give(connect) : refuseTunnel);
  // To an answer of Node's own the class could do nothing.
  for (const [event, answer] of Object.entries({ checkContinue, checkExpectation })) {
    if (answer) server.on(event, (request, response) => worker.serve(request, response, answer));
  }
  if (clientError) {
    server.on('clientError', (error: Error, socket: Duplex) => {
      attempt(
        () => clientError(error, socket),
        () => socket.destroy(),
      );
    });
  }
}

/** RFC 9110, 10.1.1. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(417, { 'Content-Length': 0 }).end();
}
