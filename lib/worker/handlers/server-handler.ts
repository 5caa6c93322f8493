import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ApplicationEvents } from './application-events.js';
import type { Listener } from './listener.js';

/** A server that never listens: it is fed with connections, so what it has been made with and what listens to it counts. */
export function createServerListener(server: Server): Listener {
  const events = new ApplicationEvents(server);
  return {
    own: { server, events },
    request: (request, response) => events.answer('request', answerNotFound, request, response),
    // It says ERR_SERVER_NOT_RUNNING, and emits 'close' all the same.
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** A server for HTTP/2 is fed in the place of the application's own, whose listeners count all the same. */
export function besideHttp2({ own, ...listener }: Listener): Listener {
  return own ? { ...listener, beside: own.server } : listener;
}

/** A server without a listener would let the client wait. */
export function answerNotFound(_request: IncomingMessage, response: ServerResponse): void {
  const body = 'Not Found\n';
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length }).end(body);
}
