import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** The server that has the listeners, and the one that gets the connections: mostly the same, see `FedServer`. */
interface Servers {
  readonly server: EventEmitter;
  readonly front: EventEmitter;
}

/**
 * The parser of a connection. It is undocumented, but the same in all versions of Node that do not count headers
 * themselves.
 */
interface Parser {
  /** Counts names and values, so it is twice the number of headers; 0 is no limit. */
  maxHeaderPairs: number;
  incoming: IncomingMessage | null;
  /** A return value other than 0 to 2 is an error of the parser. */
  onIncoming: ((request: IncomingMessage & { upgrade?: boolean }, keepAlive: boolean) => unknown) | null;
}

const FAILED = -1;

/**
 * The versions from which Node answers 431 to too many headers. Odd major versions in between, which get no more
 * releases, do not.
 */
const COUNTING: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [22, 23, 2],
  [24, 18, 1],
  [26, 5, 1],
];

/**
 * Whether a version of Node refuses a request with too many headers, instead of silently dropping the headers beyond
 * the limit.
 */
export function countsByItself(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const since = COUNTING.find(([line]) => line === major);
  if (since === undefined) return major > 26;
  return minor > since[1] || (minor === since[1] && patch >= since[2]);
}

/** Connections whose last request had too many headers. */
const overflown = new WeakSet<Socket>();

/**
 * Refuses a request with more headers than the server's `maxHeadersCount`, as newer versions of Node do. Older ones
 * give the application the first headers, as if there were no others. So a header that a proxy or the application
 * relies on could get lost.
 */
export function limitHeaders({ server, front }: Servers): void {
  if (countsByItself(process.versions.node)) return;
  const limit = (stream: Socket): void => limitOn(stream, server);
  server.on('connection', limit);
  // With TLS in front of the application's own server, the server gets the decrypted stream as 'connection'.
  if (front === server) server.on('secureConnection', limit);
}

function limitOn(stream: Socket, server: EventEmitter): void {
  const { parser } = stream as { parser?: Parser | null };
  // The socket below a TLS stream has no parser, and HTTP/2 has none either.
  if (!parser?.onIncoming || !(parser.maxHeaderPairs > 0)) return;
  const { onIncoming, maxHeaderPairs } = parser;
  // The parser keeps one header more than the limit, so that an excess can be seen.
  parser.maxHeaderPairs += 2;
  parser.onIncoming = (request, keepAlive) => {
    if (request.rawHeaders.length <= maxHeaderPairs) return onIncoming.call(parser, request, keepAlive);
    overflown.add(stream);
    // No handler has seen this request.
    parser.incoming = null;
    // For an upgrade, Node does not emit the parser's error.
    if (request.upgrade) setImmediate(() => server.emit('clientError', new Error(), stream));
    return FAILED;
  };
}

/** Gives the parser's error the code and text that newer versions of Node use. */
export function nameOverflow(error: NodeJS.ErrnoException, stream: Socket): NodeJS.ErrnoException {
  if (!overflown.delete(stream)) return error;
  const named = { code: 'HPE_HEADER_OVERFLOW', reason: 'Header overflow', message: 'Parse Error: Header overflow' };
  return Object.assign(error, named);
}

/** HTTP/2 counts these pseudo-headers among the headers: method, scheme, authority and path. */
const PSEUDO_HEADERS = 4;

/** The same limit in the form in which Node takes it for HTTP/2. RFC 9113, 8.3.1. */
export function headerListPairs(maxHeadersCount: number): number {
  return maxHeadersCount > 0 ? maxHeadersCount + PSEUDO_HEADERS : 0xffff_ffff;
}
