import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ApplicationEvents } from './application-events.js';
import type { Listener } from './listener.js';

/**
 * Makes the listener of a server that never listens. It is fed with connections, so its options and its listeners
 * count.
 */
export function createServerListener(server: Server): Listener {
  const events = new ApplicationEvents(server);
  return {
    own: { server, events },
    request: (request, response) => events.answer('request', answerNotFound, request, response),
    // `close()` reports ERR_SERVER_NOT_RUNNING, and emits 'close' all the same.
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** With HTTP/2, another server is fed in place of the application's own. The listeners of that one still count. */
export function besideHttp2({ own, ...listener }: Listener): Listener {
  return own ? { ...listener, beside: own.server } : listener;
}

/** The answer of a server without a listener, which would keep the client waiting otherwise. */
export function answerNotFound(_request: IncomingMessage, response: ServerResponse): void {
  const body = 'Not Found\n';
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length }).end(body);
}
