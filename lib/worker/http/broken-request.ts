import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { access } from '../access/own.js';
import { isOver, pendingOf, transportOf } from '../connections/connection.js';
import { halfClose } from '../connections/half-close.js';

/** What Node's HTTP server keeps on a connection. */
interface Connection extends Socket {
  parser?: Parser | null;
  /** The response that is being written. */
  _httpMessage?: (ServerResponse & { _headerSent?: boolean }) | null;
  server?: { headersTimeout: number; requestTimeout: number };
}
interface Parser {
  incoming: IncomingMessage | null;
  onIncoming: ((...args: unknown[]) => unknown) | null;
}

/** A request whose handler has been called. */
export interface UnderWay {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The same status lines as in Node's `_http_server.js`. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
const BAD_REQUEST = '400 Bad Request';

/**
 * How much is read and dropped behind a request that was refused: about twice what the system's socket buffers hold by
 * default. Bytes.
 */
const MAX_REST = 1_048_576;

/** For how many turns of the event loop a late request is waited for, at most, while each turn brings some data. */
const TURNS = 50;

type ClientError = NodeJS.ErrnoException;
type List = (transport: Socket) => readonly UnderWay[];

/**
 * Handles a malformed request, a request that timed out, or a connection that failed. The answer is the one that Node
 * gives; only the end of the connection differs. Node closes with unread data in the socket, which makes a reset, and
 * the reset takes the answer away from the client. RFC 9112, 9.6.
 *
 * @param own - gives the application's answer; returns false if the application has none.
 * @param underWay - lists the requests of a connection whose handlers have been called and whose answers are not done.
 */
export function onClientError(
  error: ClientError,
  socket: Connection,
  own: (error: Error, socket: Socket) => boolean,
  underWay: List,
): void {
  const answer = (): void => {
    access?.follow(socket);
    if (!own(error, socket)) answerError(error, socket, underWay);
  };
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.parser) readFirst(socket, socket.parser, answer);
  else answer();
}

function answerError(error: ClientError, socket: Connection, underWay: List): void {
  const { _httpMessage: response, parser } = socket;
  const isCut = response?._headerSent && !response.writableEnded;
  // A connection whose TLS handshake failed has no parser, and nobody who could read an answer.
  if (!parser || !socket.writable || isCut) {
    socket.destroy(error);
    return;
  }
  const transport = transportOf(socket);
  // The malformed bytes may be the rest of a request that has been answered, or may follow the last request of the
  // connection. A further answer would then belong to no request. They may also follow, in the same chunk, a request
  // that was answered just now and whose response is still assigned to the connection.
  const isRest = response?._headerSent === true && !(response.req.complete && response.writableFinished);
  const isAnswered = isOver(transport) || isRest || (parser.incoming?.complete === false && pendingOf(transport) === 0);
  if (!isAnswered) {
    const status = STATUS[error.code ?? ''] ?? BAD_REQUEST;
    socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    access?.refused(
      transport,
      Number.parseInt(status, 10),
      parser.incoming?.complete === false ? parser.incoming : undefined,
    );
  }
  closeBehindAnswer(socket);
  for (const each of underWay(transport)) {
    if (each.response !== response || !(isAnswered || response.writableEnded)) abandon(each, socket);
  }
}

/**
 * Tells a handler that is under way what it would learn if its connection had closed, and at the same moment, since its
 * client gets nothing from it any more. But the connection stays open for now, so the response is detached: nothing of
 * it may be written there.
 */
function abandon({ request, response }: UnderWay, socket: Connection): void {
  if (response.socket === socket) response.detachSocket(socket);
  setImmediate(() => {
    Object.assign(response, { destroyed: true, _closed: true });
    response.emit('close');
    // Without this replaced socket, `destroy()` would destroy the connection.
    Object.assign(request, { socket: Object.create(socket, { destroyed: { value: true } }) });
    request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  });
}

/**
 * Half-closes the connection, and reads and drops what follows, so that the answer arrives. A client that sends without
 * end is cut off after {@link MAX_REST}.
 */
function closeBehindAnswer(socket: Connection): void {
  const { bytesRead } = socket;
  halfClose(socket);
  socket.on('data', () => {
    if (socket.bytesRead - bytesRead > MAX_REST) socket.destroy();
  });
}

/**
 * Handles a request that has timed out. Timers run before the poll phase, so in a process that was busy the request may
 * have arrived in time without being read. Therefore what has come is read first, and the request is served if it is
 * complete. A client that has not sent a byte has asked for nothing: it gets no answer, and its connection is just
 * closed.
 */
function readFirst(socket: Connection, parser: Parser, answer: () => void): void {
  const { onIncoming } = parser;
  /** The request whose body was late; undefined where the head of the next request was late. */
  let request = parser.incoming?.complete === false ? parser.incoming : undefined;
  let hasCome = false;
  let turns = 0;
  const watch: typeof onIncoming = function (this: unknown, ...args) {
    hasCome = true;
    request = args[0] as IncomingMessage;
    parser.onIncoming = onIncoming;
    return onIncoming?.apply(this, args);
  };
  if (request === undefined) parser.onIncoming = watch;
  const look = (bytes: number): void => {
    // The connection has closed, or belongs to the application after an upgrade.
    if (socket.destroyed || socket.parser !== parser || request?.complete) return;
    if (socket.bytesRead > bytes && turns++ < TURNS) next();
    else if (hasCome) waitForBody();
    else if (socket.bytesRead === 0) halfClose(socket);
    else answer();
  };
  const next = (): void => {
    const { bytesRead } = socket;
    // With TLS, decrypted data is read one turn of the loop later.
    setImmediate(() => setImmediate(() => look(bytesRead)));
  };
  /**
   * The head came in time, but Node no longer enforces a timeout for this request: the body gets the rest of
   * `requestTimeout`.
   */
  const waitForBody = (): void => {
    hasCome = false;
    const { headersTimeout = 0, requestTimeout = 0 } = socket.server ?? {};
    if (requestTimeout > 0) setTimeout(next, Math.max(0, requestTimeout - headersTimeout)).unref();
  };
  next();
}
