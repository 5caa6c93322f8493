import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import type https from 'node:https';
import type { TlsOptions } from 'node:tls';
import type { HttpOptions } from '../protocol.js';

export interface ServerSettings {
  readonly http: HttpOptions;
  readonly tls: TlsOptions | undefined;
  readonly http2: boolean;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
}

/** A server that is fed with connections and never listens. */
export interface FedServer {
  readonly server: http.Server | https.Server | Http2SecureServer;
  /** Asks HTTP/2 clients to send no further requests on their connections. */
  drain(): void;
}

/** How long an HTTP/2 session may be without a stream where connections are not kept. Milliseconds. */
const SILENCE = 5_000;

/** Node's own limit for an idle session counts a stream that waits for its answer as idle. */
function closeWhenIdle(session: ServerHttp2Session, limit: number): void {
  let streams = 0;
  const timer = setTimeout(() => streams === 0 && session.close(), limit).unref();
  session.on('stream', (stream) => {
    streams++;
    stream.on('close', () => {
      streams--;
      timer.refresh();
    });
  });
  session.on('close', () => clearTimeout(timer));
}

/** The server for what is spoken. Modules that plain HTTP does not need are loaded when they are. */
export async function createServer({ http: options, tls, http2, onRequest }: ServerSettings): Promise<FedServer> {
  const { maxHeadersCount, ...rest } = options;
  const sessions = new Set<ServerHttp2Session>();
  let draining = false;
  let server: FedServer['server'];
  if (tls === undefined) {
    server = http.createServer(rest, onRequest);
  } else if (http2) {
    const { createSecureServer } = await import('node:http2');
    // Its types know requests of its own only; the listener gets the compatible ones.
    server = createSecureServer({ ...rest, ...tls, allowHTTP1: true } as never, onRequest as never);
    server.on('session', (session: ServerHttp2Session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
      // One that was accepted during the drain has its first request under way.
      session.once('stream', () => draining && setImmediate(() => session.close()));
      closeWhenIdle(session, options.keepAliveTimeout || SILENCE);
    });
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
    drain() {
      draining = true;
      for (const session of sessions) session.close();
    },
  };
}
