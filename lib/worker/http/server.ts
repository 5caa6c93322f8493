import http from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type https from 'node:https';
import type { Socket } from 'node:net';
import type { TlsOptions, Server as TlsServer } from 'node:tls';
import type { RequestListener } from '../../options/handler.js';
import type { HttpOptions } from '../../protocol/spec.js';
import { MAX_PENDING } from '../connections/connection.js';
import { type SessionSettings, Sessions } from '../connections/sessions.js';
import type { Listener } from '../handlers/listener.js';
import { applyOptions, applyToHttp1, beginTimeouts, optionsOf } from './exported-server.js';
import { headerListPairs } from './header-count.js';
import { limitRequests } from './http2-limits.js';

export interface ServerSettings {
  /** The `http` options that the Arbiter was given. */
  readonly http: HttpOptions;
  /** Milliseconds, for a server that has no `keepAliveTimeout` of its own. */
  readonly keepAlive: number;
  readonly tls: TlsOptions | undefined;
  /** Calls back with new ticket keys, each time they replace the current ones. */
  readonly onTicketKeys: (take: (keys: Uint8Array) => void) => void;
  readonly http2: boolean;
  readonly listener: Pick<Listener, 'own' | 'beside'>;
  readonly onBroken: SessionSettings['onBroken'];
}

/** A server that is fed with connections and never listens. */
export interface FedServer {
  /** The server that has the listeners. */
  readonly server: http.Server | https.Server | Http2SecureServer;
  /** The server that gets the connections: the same one, or the TLS server in front of it. */
  readonly front: FedServer['server'];
  /** Puts the limits of a request before a listener, where Node's server does not keep them. */
  readonly limited: (answer: RequestListener) => RequestListener;
  /** Asks HTTP/2 clients to send no further requests on their connections. */
  drain(): void;
}

/**
 * Makes the server for the protocols that are spoken. Modules that plain HTTP does not need are loaded only when
 * needed.
 */
export async function createServer(settings: ServerSettings): Promise<FedServer> {
  const { tls } = settings;
  if (tls === undefined) return serverFor(settings);
  // The keys are not passed as an option, because the server would keep a reference to them.
  const { ticketKeys, ...rest } = tls;
  const fed = await serverFor({ ...settings, tls: rest });
  let keys: Uint8Array | undefined = ticketKeys;
  const front = fed.front as TlsServer;
  if (ticketKeys) front.setTicketKeys(ticketKeys);
  settings.onTicketKeys((next) => {
    front.setTicketKeys(next as Buffer);
    keys?.fill(0);
    keys = next;
  });
  return fed;
}

async function serverFor(settings: Omit<ServerSettings, 'onTicketKeys'>): Promise<FedServer> {
  const { http: given, keepAlive, tls, http2, onBroken } = settings;
  const { own, beside } = settings.listener;
  const copied = beside && optionsOf(beside);
  const { maxHeadersCount, ...rest } = { ...copied?.options, keepAliveTimeout: keepAlive, ...given };
  let sessions: Sessions | undefined;
  let server: FedServer['server'];
  let limited: FedServer['limited'] = (answer) => answer;
  if (own) {
    const { server } = own;
    applyOptions(server, given);
    beginTimeouts(server);
    return { server, front: tls ? await createTlsFront(server, tls) : server, limited, drain: () => undefined };
  }
  if (tls === undefined) {
    server = http.createServer(rest);
  } else if (http2) {
    const { createSecureServer } = await import('node:http2');
    // Beyond this limit an HTTP/2 client waits, or is told to repeat its request; an HTTP/1.1 connection would have to
    // be cut. RFC 9113, 5.1.2.
    const limits = { maxConcurrentStreams: MAX_PENDING, ...(rest as { settings?: object }).settings };
    // The types of `node:http2` know only its own requests, hence `as never` below; the listener gets the compatible
    // ones.
    const count = maxHeadersCount ?? (copied?.limits['maxHeadersCount'] as number | undefined);
    const pairs = count !== undefined && { maxHeaderListPairs: headerListPairs(count) };
    const secure = createSecureServer({ ...pairs, ...rest, ...tls, settings: limits, allowHTTP1: true } as never);
    applyToHttp1(secure, rest);
    const { requestTimeout } = given;
    limited = limitRequests({ maxHeaderSize: rest.maxHeaderSize, requestTimeout });
    sessions = new Sessions(secure, {
      keepAlive: rest.keepAliveTimeout ?? 0,
      onBroken,
    });
    server = secure;
  } else {
    const { createServer: createHttpsServer } = await import('node:https');
    server = createHttpsServer({ ...rest, ...tls });
  }
  if (maxHeadersCount !== undefined) (server as http.Server).maxHeadersCount = maxHeadersCount;
  // A server that also speaks HTTP/2 does not take these as options, but does have them as properties.
  const { keepAliveTimeout, headersTimeout, requestTimeout, connectionsCheckingInterval } = rest;
  const properties = { keepAliveTimeout, headersTimeout, requestTimeout, connectionsCheckingInterval };
  for (const [name, value] of Object.entries({ ...copied?.limits, ...properties })) {
    if (value !== undefined) Object.assign(server, { [name]: value });
  }
  // The server never listens itself, and without this event it would enforce none of its timeouts.
  server.emit('listening');
  return { server, front: server, limited, drain: () => sessions?.drain() };
}

/**
 * Puts a TLS server in front of a plain one. The plain server gets the decrypted stream as a connection, as Node's
 * documentation of 'connection' allows.
 */
async function createTlsFront(server: http.Server, tls: TlsOptions): Promise<https.Server> {
  const { createServer: createHttpsServer } = await import('node:https');
  const front = createHttpsServer(tls).removeAllListeners('secureConnection');
  return (front as https.Server)
    .on('secureConnection', (socket: Socket) => {
      server.emit('secureConnection', socket);
      server.emit('connection', socket);
    })
    .on('clientError', (error: Error, socket: Socket) => server.emit('clientError', error, socket));
}
