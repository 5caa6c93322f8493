import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type https from 'node:https';
import type { TlsOptions } from 'node:tls';
import type { HttpOptions } from '../protocol.js';
import { MAX_PENDING } from './connection.js';
import type { SessionSettings, Sessions } from './sessions.js';

export interface ServerSettings {
  readonly http: HttpOptions;
  readonly tls: TlsOptions | undefined;
  readonly http2: boolean;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onBroken: SessionSettings['onBroken'];
}

/** A server that is fed with connections and never listens. */
export interface FedServer {
  readonly server: http.Server | https.Server | Http2SecureServer;
  /** Asks HTTP/2 clients to send no further requests on their connections. */
  drain(): void;
}

/** The server for what is spoken. Modules that plain HTTP does not need are loaded when they are. */
export async function createServer({
  http: options,
  tls,
  http2,
  onRequest,
  onBroken,
}: ServerSettings): Promise<FedServer> {
  const { maxHeadersCount, ...rest } = options;
  let sessions: Sessions | undefined;
  let server: FedServer['server'];
  if (tls === undefined) {
    server = http.createServer(rest, onRequest);
  } else if (http2) {
    const { createSecureServer } = await import('node:http2');
    // Beyond that, a client waits, or is told to repeat, where of HTTP/1.1 the connection would have to be cut. RFC 9113, 5.1.2.
    const settings = { maxConcurrentStreams: MAX_PENDING, ...(rest as { settings?: object }).settings };
    // Its types know requests of its own only; the listener gets the compatible ones.
    const secure = createSecureServer({ ...rest, ...tls, settings, allowHTTP1: true } as never, onRequest as never);
    sessions = new (await import('./sessions.js')).Sessions(secure, {
      keepAlive: options.keepAliveTimeout ?? 0,
      onBroken,
    });
    server = secure;
  } else {
    const { createServer: createHttpsServer } = await import('node:https');
    server = createHttpsServer({ ...rest, ...tls }, onRequest);
  }
  if (maxHeadersCount !== undefined) (server as http.Server).maxHeadersCount = maxHeadersCount;
  // A server that speaks HTTP/2 too does not take these as options, but has them as properties.
  const { keepAliveTimeout, headersTimeout, requestTimeout, connectionsCheckingInterval } = rest;
  const properties = { keepAliveTimeout, headersTimeout, requestTimeout, connectionsCheckingInterval };
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) Object.assign(server, { [name]: value });
  }
  // It never listens itself; without this event it would enforce none of its timeouts.
  server.emit('listening');
  return {
    server,
    drain: () => sessions?.drain(),
  };
}
