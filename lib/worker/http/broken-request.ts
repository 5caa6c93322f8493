import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { access } from '../access/own.js';
import { isOver, pendingOf, transportOf } from '../connections/connection.js';
import { halfClose } from '../connections/half-close.js';

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

/** A request whose handler has been called. */
export interface UnderWay {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** As Node answers them, `_http_server.js`. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
const BAD_REQUEST = '400 Bad Request';

/** So much is read behind a request that was refused: twice what the system's buffers hold by themselves, or so. Bytes. */
const MAX_REST = 1_048_576;

/** While each turn of the loop brings something, so many are waited for at most. */
const TURNS = 50;

type ClientError = NodeJS.ErrnoException;
type List = (transport: Socket) => readonly UnderWay[];

/**
 * A request is malformed or late, or its connection has failed. The answer is Node's, but for the end of the connection: that of
 * Node is a reset where something has come that was not read, and takes the answer away. RFC 9112, 9.6.
 *
 * @param own - the application's answer; it returns false if it has none.
 * @param underWay - what its handlers are busy with, of a connection.
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
  // A TLS handshake that failed has no parser, and nobody to read an answer.
  if (!parser || !socket.writable || isCut) {
    socket.destroy(error);
    return;
  }
  const transport = transportOf(socket);
  // What is wrong may be the rest of a request that has been answered, or stand behind the last one: another answer would be one to nothing. It may also stand behind a request that
  // has been answered just now, in the same chunk, and whose answer still has the connection.
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
 * A handler that is under way learns what it would from the end of its connection, and when it would: its client gets nothing from it. But the
 * connection has not come to its end, and no answer of it must be written there.
 */
function abandon({ request, response }: UnderWay, socket: Connection): void {
  if (response.socket === socket) response.detachSocket(socket);
  setImmediate(() => {
    Object.assign(response, { destroyed: true, _closed: true });
    response.emit('close');
    // Else this would destroy the connection.
    Object.assign(request, { socket: Object.create(socket, { destroyed: { value: true } }) });
    request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  });
}

/** So that the answer arrives, what follows is read and dropped; but who sends without end is not listened to for long. */
function closeBehindAnswer(socket: Connection): void {
  const { bytesRead } = socket;
  halfClose(socket);
  socket.on('data', () => {
    if (socket.bytesRead - bytesRead > MAX_REST) socket.destroy();
  });
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
