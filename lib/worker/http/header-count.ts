import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** What has the listeners, and what gets the connections: mostly the same, see `FedServer`. */
interface Servers {
  readonly server: EventEmitter;
  readonly front: EventEmitter;
}

/** The parser of a connection, undocumented, but the same in all versions that do not count by themselves. */
interface Parser {
  /** Names and values, so twice as many as there may be headers; 0 is no limit. */
  maxHeaderPairs: number;
  incoming: IncomingMessage | null;
  /** What it returns, other than 0 to 2, is an error of the parser. */
  onIncoming: ((request: IncomingMessage & { upgrade?: boolean }, keepAlive: boolean) => unknown) | null;
}

const FAILED = -1;

/** From which version on Node answers 431 where there are too many headers. In those between, which get no more releases, it does not. */
const COUNTING: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [22, 23, 2],
  [24, 18, 1],
  [26, 5, 1],
];

/** Whether a version of Node refuses a request that has too many headers, and does not leave out the rest of them. */
export function countsByItself(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const since = COUNTING.find(([line]) => line === major);
  if (since === undefined) return major > 26;
  return minor > since[1] || (minor === since[1] && patch >= since[2]);
}

/** Connections whose last request had too many. */
const overflown = new WeakSet<Socket>();

/**
 * Has a request with more headers than `maxHeadersCount` of its server refused, as Node does it in newer versions: older ones give the application the
 * first of them, as if there were no others. A header that a proxy or the application counts on must not get lost so.
 */
export function limitHeaders({ server, front }: Servers): void {
  if (countsByItself(process.versions.node)) return;
  const limit = (stream: Socket): void => limitOn(stream, server);
  server.on('connection', limit);
  // With TLS of our own in front, the server itself gets what comes out.
  if (front === server) server.on('secureConnection', limit);
}

function limitOn(stream: Socket, server: EventEmitter): void {
  const { parser } = stream as { parser?: Parser | null };
  // What is below TLS has none, and HTTP/2 neither.
  if (!parser?.onIncoming || !(parser.maxHeaderPairs > 0)) return;
  const { onIncoming, maxHeaderPairs } = parser;
  // It keeps one more, so that it shows.
  parser.maxHeaderPairs += 2;
  parser.onIncoming = (request, keepAlive) => {
    if (request.rawHeaders.length <= maxHeaderPairs) return onIncoming.call(parser, request, keepAlive);
    overflown.add(stream);
    // Nobody has begun it.
    parser.incoming = null;
    // Of an upgrade, the parser's error is not told.
    if (request.upgrade) setImmediate(() => server.emit('clientError', new Error(), stream));
    return FAILED;
  };
}

/** The error of the parser, as newer versions of Node would name it. */
export function nameOverflow(error: NodeJS.ErrnoException, stream: Socket): NodeJS.ErrnoException {
  if (!overflown.delete(stream)) return error;
  const named = { code: 'HPE_HEADER_OVERFLOW', reason: 'Header overflow', message: 'Parse Error: Header overflow' };
  return Object.assign(error, named);
}

/** HTTP/2 counts these among them: method, scheme, authority and path. */
const PSEUDO_HEADERS = 4;

/** The same limit for HTTP/2, as Node wants it. RFC 9113, 8.3.1. */
export function headerListPairs(maxHeadersCount: number): number {
  return maxHeadersCount > 0 ? maxHeadersCount + PSEUDO_HEADERS : 0xffff_ffff;
}
