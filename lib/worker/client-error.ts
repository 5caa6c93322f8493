import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { halfClose } from './closing.js';

/** What Node's server keeps on a connection. */
interface Connection extends Socket {
  parser?: Parser | null;
  /** The answer that is being written. */
  _httpMessage?: (ServerResponse & { _headerSent?: boolean }) | null;
  server?: { headersTimeout: number; requestTimeout: number };
}
interface Parser {
  incoming: IncomingMessage | null;
  onIncoming: ((...args: unknown[]) => unknown) | null;
}

/** As Node answers them, `_http_server.js`. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
const BAD_REQUEST = '400 Bad Request';

/** While each turn of the loop brings something, so many are waited for at most. */
const TURNS = 50;

type ClientError = NodeJS.ErrnoException;

/**
 * A request is malformed or late, or its connection has failed. The answer is Node's, but for the end of the connection: that of
 * Node is a reset where something has come that was not read, and takes the answer away. RFC 9112, 9.6.
 *
 * @param own - the application's answer; it returns false if it has none.
 */
export function onClientError(
  error: ClientError,
  socket: Connection,
  own: (error: Error, socket: Socket) => boolean,
): void {
  const answer = (): void => {
    if (!own(error, socket)) answerError(error, socket);
  };
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.parser) readFirst(socket, socket.parser, answer);
  else answer();
}

function answerError(error: ClientError, socket: Connection): void {
  const { _httpMessage: response } = socket;
  // A TLS handshake that failed has no parser, and nobody to read an answer.
  if (!socket.parser || !socket.writable || response?._headerSent) {
    socket.destroy(error);
    return;
  }
  socket.write(`HTTP/1.1 ${STATUS[error.code ?? ''] ?? BAD_REQUEST}\r\nConnection: close\r\n\r\n`);
  // A handler that is under way learns from the end of the connection that its client gets nothing from it.
  if (response) socket.destroy(error);
  else halfClose(socket);
}

/**
 * The time of a request is over. Timers come before the poll phase: to a process that was busy, it may have come in time. So it is read
 * first, and served if it is complete. Who has not sent a byte asked for nothing, and gets no answer: the connection is just closed.
 */
function readFirst(socket: Connection, parser: Parser, answer: () => void): void {
  const { onIncoming } = parser;
  /** What the time was for: the body of this request, or the head of the next. */
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
    // Gone, or given to the application.
    if (socket.destroyed || socket.parser !== parser || request?.complete) return;
    if (socket.bytesRead > bytes && turns++ < TURNS) next();
    else if (hasCome) waitForBody();
    else if (socket.bytesRead === 0) halfClose(socket);
    else answer();
  };
  const next = (): void => {
    const { bytesRead } = socket;
    // Of TLS, what has been decrypted is read a turn later.
    setImmediate(() => setImmediate(() => look(bytesRead)));
  };
  /** The head was in time. Node looks after this request no longer. */
  const waitForBody = (): void => {
    hasCome = false;
    const { headersTimeout = 0, requestTimeout = 0 } = socket.server ?? {};
    if (requestTimeout > 0) setTimeout(next, Math.max(0, requestTimeout - headersTimeout)).unref();
  };
  next();
}
