/* The HTTP server of the control. It runs in the process of the master, and holds few connections. */
import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ControlAddress } from '../options/resolved.js';
import { problem, send } from './answer.js';
import { readBody, takesBody } from './body.js';
import type { Source } from './controlled.js';
import { endpoints } from './endpoints.js';
import { Feed } from './feed.js';
import { Gate } from './gate.js';
import { readPage } from './page.js';
import { type Patience, type PlaceEvents, type Predecessor, takePlace } from './place.js';
import { targetOf } from './target.js';

/** What a control is opened with, besides its address. */
export interface ControlSetup extends PlaceEvents {
  readonly source: Source;
  readonly predecessor: Predecessor | undefined;
  readonly patience: Patience;
}

export interface Control {
  /** Removes the file of a Unix socket; for an exit without `close()`. */
  readonly leave: () => void;
  /** Gives the place up and closes the server. Requests in flight have a moment to get their answers. */
  close(): Promise<void>;
}

/** Requests to the control are small, and come at once, with their bodies. Bytes, milliseconds. */
const LIMITS = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const;
const MOST_CONNECTIONS = 64;
/** For a refusal: nobody reads the body that may follow. */
const CLOSE = { Connection: 'close' };
/** How long requests in flight have to be answered when the server is closed. Milliseconds. */
const LAST_ANSWERS = 500;

/** Opens the control. Rejects with the system's error, and then leaves nothing behind. */
export async function openControl(
  address: ControlAddress,
  { source, predecessor, patience, ...events }: ControlSetup,
  abort: AbortSignal,
): Promise<Control> {
  const feed = new Feed(source);
  const table = endpoints(source, feed);
  const server = createServer(LIMITS);
  server.maxConnections = MOST_CONNECTIONS;
  const gate = new Gate(address, () => {
    const bound = server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : undefined;
  });
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch(() => response.destroy());
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request;
    const { host, path, query } = targetOf(request);
    const isPage = path === '/';
    const refusal = gate.refuse(request.headers, host, isPage);
    if (refusal) return send(response, problem(refusal.status, refusal.message, {}, { ...CLOSE, ...refusal.headers }));
    const endpoint = table.get(path);
    if (method === 'CONNECT') return refuseMethod(response, method, 'GET, HEAD, POST');
    const wanted = isPage || path === '/events' ? 'GET' : endpoint?.method;
    if (wanted === undefined) {
      const known = ['/', '/events', ...table.keys()].join(' ');
      return send(response, problem(404, `no such path; there are ${known}`, {}, CLOSE));
    }
    if (method !== wanted && !(wanted === 'GET' && method === 'HEAD')) {
      return refuseMethod(response, method, wanted === 'GET' ? 'GET, HEAD' : wanted);
    }
    if (!(await readBody(request, response))) return;
    if (isPage) return send(response, readPage());
    if (endpoint) return send(response, await endpoint.act(new URLSearchParams(query)));
    if (feed.full) return send(response, problem(503, 'enough others listen already'));
    if (method === 'HEAD') return send(response, { status: 200, body: '' });
    feed.follow(response);
  };
  server.on('request', serve);
  server.on('checkContinue', (request, response) => {
    if (takesBody(request)) response.writeContinue();
    serve(request, response);
  });
  // CONNECT: without this listener, Node would close the connection without an answer.
  server.on('connect', (request, socket) => {
    socket.on('error', () => undefined);
    const response = new ServerResponse(request);
    response.assignSocket(socket as Socket);
    response.once('finish', () => (socket as Socket).destroySoon());
    serve(request, response);
  });
  // An error here is a connection that could not be accepted. Its client learns of that by itself.
  server.on('error', () => undefined);
  const end = new AbortController();
  const stop = (): void => end.abort();
  abort.addEventListener('abort', stop);
  // The signal may have been aborted before the listener was there.
  if (abort.aborted) stop();
  const place = await takePlace(server, address, predecessor, events, patience, end.signal).catch((error) => {
    feed.close();
    throw error;
  });
  // The master lives as long as it has work. The control must not keep it alive.
  server.unref();
  return {
    leave() {
      try {
        place.leave();
      } catch {
        // The process is about to exit, and nobody is left who could be told. The next process to bind this path
        // replaces the file.
      }
    },
    async close() {
      end.abort();
      abort.removeEventListener('abort', stop);
      feed.close();
      try {
        place.leave();
      } finally {
        await closed(server);
      }
    },
  };
}

function refuseMethod(response: ServerResponse, method: string, allow: string): void {
  send(response, problem(405, `expected ${allow}, got ${method}`, {}, { ...CLOSE, Allow: allow }));
}

/** Closes the server. Requests in flight have a moment to get their answers; then their connections are cut. */
function closed(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
