import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { WarningCode } from '../../protocol/warning.js';
import { type Proxies, peerOf } from '../access/client.js';
import { proxies } from '../access/own.js';
import { spec } from '../context.js';
import { type ProxiedClient, parseProxyHeader } from './proxy-header.js';

/**
 * How long a PROXY header may take, unless `headersTimeout` is less. It is enough for a lost packet to be sent again.
 * Milliseconds.
 */
const LIMIT = 5_000;

export interface ProxyHeaderSettings {
  readonly proxies: Proxies;
  /** How long a header may take, milliseconds. */
  readonly limit: number;
  /** The server that gets each connection when its header has come; and whether that server does TLS. */
  readonly front: EventEmitter;
  readonly tls: boolean;
  readonly warn: (code: WarningCode, message: string) => void;
}

/** The inside of a socket. Undocumented, but there from Node 20 to 26. */
interface Inner extends Omit<Socket, '_handle'> {
  _handle?: { getpeername?: ((into: ProxiedClient) => number) | undefined } | null;
  /** The peer's address, as the socket has cached it. */
  _peername?: ProxiedClient;
}

/**
 * Connections of trusted proxies begin with a header of the PROXY protocol, which names the client. It is read before
 * anybody else gets the connection. Until it has come, the connection is treated like any other on which nothing has
 * come: it is counted, parked and closed to make room.
 */
export class ProxyHeaders {
  readonly #settings: ProxyHeaderSettings;

  constructor(settings: ProxyHeaderSettings) {
    this.#settings = settings;
  }

  /** Returns whether an accepted connection must begin with a header. If so, it is handed on once that has come. */
  take(socket: Socket): boolean {
    const peer = peerOf(socket);
    if (peer !== '' && !this.#settings.proxies.trusts(peer)) return false;
    if (peer === '') {
      // The connection has been reset, so its peer is unknown. What it sent may be a proxy's header, which must not be
      // taken for a request.
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
    // A peer that only checks whether somebody listens sends nothing: no warning.
    const onEnd = (): void => (kept ? refuse('it ended within that') : void socket.destroy());
    // Timers run before the poll phase: if the process was busy, the header may have come in time.
    const onLate = (): void =>
      void setImmediate(() => setImmediate(() => isWaiting && refuse('it did not come in time')));
    const timer = setTimeout(onLate, this.#settings.limit).unref();
    // Also called on 'close': the connection may be closed meanwhile to make room, see `Lingering`, which removes the
    // other listeners.
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
      // A TLS stream takes what the socket below it has buffered, and from then on what comes.
      socket.pause();
      if (rest.length > 0) socket.unshift(rest);
      front.emit('connection', socket);
      return;
    }
    front.emit('connection', socket);
    if (rest.length === 0 || socket.destroyed) return;
    // Node's parser reads directly from the handle, which these bytes have left already. So they are emitted as 'data',
    // like those that the fast turn has read.
    if (socket.readableFlowing === true) socket.emit('data', rest);
    else socket.unshift(rest);
  }
}

const ignore = (): void => undefined;

/**
 * Makes a connection report this client as its peer from now on. The handle is changed too, since a TLS stream asks the
 * handle of the socket below it.
 */
function rename(socket: Inner, client: ProxiedClient): void {
  const { _handle: handle } = socket;
  if (!handle) return;
  socket._peername = client;
  // The handle of a Unix socket has no `getpeername`: a client that connects to one has no address.
  handle.getpeername = client.address === undefined ? undefined : getpeername;
  function getpeername(into: ProxiedClient): number {
    Object.assign(into, client);
    return 0;
  }
}

/** Undefined where no connection has a PROXY header. */
export function createProxyHeaders(
  front: EventEmitter,
  tls: boolean,
  warn: ProxyHeaderSettings['warn'],
): ProxyHeaders | undefined {
  if (!spec?.proxyProtocol || !proxies) return undefined;
  const limit = Math.min(LIMIT, spec.http.headersTimeout || LIMIT);
  return new ProxyHeaders({ proxies, limit, front, tls, warn });
}
