import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { WarningCode } from '../../protocol/warning.js';
import { type Proxies, peerOf } from '../access/client.js';
import { proxies } from '../access/own.js';
import { spec } from '../context.js';
import { type ProxiedClient, parseProxyHeader } from './proxy-header.js';

/** How long a header may take, if no head of a request may take less: longer than a packet that is lost. Milliseconds. */
const LIMIT = 5_000;

export interface ProxyHeaderSettings {
  readonly proxies: Proxies;
  /** How long a header may take, milliseconds. */
  readonly limit: number;
  /** The server that gets the connections when their headers have come; and whether it does TLS. */
  readonly front: EventEmitter;
  readonly tls: boolean;
  readonly warn: (code: WarningCode, message: string) => void;
}

/** What is inside a socket. Undocumented, but there from Node 20 to 26. */
interface Inner extends Omit<Socket, '_handle'> {
  _handle?: { getpeername?: ((into: ProxiedClient) => number) | undefined } | null;
  /** What it has been told of its peer. */
  _peername?: ProxiedClient;
}

/**
 * Connections of trusted proxies begin with a header of the PROXY protocol, which names the client: it is read before anybody else gets the
 * connection. Until then that is one like any other that is silent: counted, parked and sent away.
 */
export class ProxyHeaders {
  readonly #settings: ProxyHeaderSettings;

  constructor(settings: ProxyHeaderSettings) {
    this.#settings = settings;
  }

  /** Returns whether a connection that has been accepted must have a header. If so, it is handed on when that has come. */
  take(socket: Socket): boolean {
    const peer = peerOf(socket);
    if (peer !== '' && !this.#settings.proxies.trusts(peer)) return false;
    if (peer === '') {
      // It has been reset, so nobody knows who that was: what a proxy has sent must not be taken for a request.
      socket.destroy();
      return true;
    }
    this.#read(socket, peer);
    return true;
  }

  #read(socket: Socket, peer: string): void {
    let kept: Buffer | undefined;
    let isWaiting = true;
    const onData = (chunk: Buffer): void => {
      const bytes = kept ? Buffer.concat([kept, chunk]) : chunk;
      const header = parseProxyHeader(bytes);
      if (header === undefined) kept = bytes;
      else if (typeof header === 'string') refuse(header);
      else {
        stop();
        if (header.client) rename(socket, header.client);
        this.#handOn(socket, bytes.subarray(header.length));
      }
    };
    const refuse = (why: string): void => {
      stop();
      socket.destroy();
      this.#settings.warn('proxy-protocol', `a connection of ${peer} without a right PROXY header was closed: ${why}`);
    };
    // Who only looks whether somebody listens says nothing.
    const onEnd = (): void => (kept ? refuse('it ended within that') : void socket.destroy());
    // Timers come before the poll phase: to a process that was busy, it may have come in time.
    const onLate = (): void =>
      void setImmediate(() => setImmediate(() => isWaiting && refuse('it did not come in time')));
    const timer = setTimeout(onLate, this.#settings.limit).unref();
    // Also of one that is sent away meanwhile, to make room: see `Lingering`, which takes the other listeners off.
    const stop = (): void => {
      isWaiting = false;
      clearTimeout(timer);
      socket.off('data', onData).off('end', onEnd).off('error', ignore).off('close', stop);
    };
    socket.on('data', onData).on('end', onEnd).on('error', ignore).on('close', stop);
  }

  /** @param rest - what has come with the header. */
  #handOn(socket: Socket, rest: Buffer): void {
    const { front, tls } = this.#settings;
    if (tls) {
      // A TLS stream takes what the one below it has, and from then on what comes.
      socket.pause();
      if (rest.length > 0) socket.unshift(rest);
      front.emit('connection', socket);
      return;
    }
    front.emit('connection', socket);
    if (rest.length === 0 || socket.destroyed) return;
    // Node's parser takes what comes from the handle, but this is behind that: it gets it as it gets what the fast turn has read.
    if (socket.readableFlowing === true) socket.emit('data', rest);
    else socket.unshift(rest);
  }
}

const ignore = (): void => undefined;

/** From now on the connection comes from this client. A TLS stream asks the handle of the socket below it. */
function rename(socket: Inner, client: ProxiedClient): void {
  const { _handle: handle } = socket;
  if (!handle) return;
  socket._peername = client;
  // A Unix socket has none: who has connected to one has no address.
  handle.getpeername = client.address === undefined ? undefined : getpeername;
  function getpeername(into: ProxiedClient): number {
    Object.assign(into, client);
    return 0;
  }
}

/** Undefined where no connection has a header. */
export function createProxyHeaders(
  front: EventEmitter,
  tls: boolean,
  warn: ProxyHeaderSettings['warn'],
): ProxyHeaders | undefined {
  if (!spec?.proxyProtocol || !proxies) return undefined;
  const limit = Math.min(LIMIT, spec.http.headersTimeout || LIMIT);
  return new ProxyHeaders({ proxies, limit, front, tls, warn });
}
