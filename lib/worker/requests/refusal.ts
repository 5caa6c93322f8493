import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { errorText } from '../../log/stack.js';
import { say } from '../../log/standard-error.js';
import { quoted } from '../../log/text.js';
import { isStream, pendingOf, responseOf, streamOf } from '../connections/connection.js';
import { lingeringHere } from '../connections/lingering.js';
import { endWhenSent } from '../connections/sent-streams.js';
import { type Refusal, refusalPage, writeRefusal } from '../raw-response.js';
import type { WorkerContext } from '../worker.js';
import { arrivalOf } from './arrival.js';

/**
 * Answers in the application's place while the head has not been sent. After that, only a broken connection can tell
 * the client that the answer failed.
 */
export function refuse(response: ServerResponse, status: Refusal = 500): void {
  if (response.headersSent) {
    if (!response.writableFinished) breakOff(response);
    return;
  }
  const body = refusalPage(status);
  try {
    // The application's status text and headers described an answer that will not come. `_hasBody` is Node's own mark
    // (20 to 26): it is false if the application had prepared a 204, for example. HTTP/2 has no status text, and its
    // stream must end even if a part of the request was read.
    if (isStream(response.req)) endWhenSent((response as unknown as Http2ServerResponse).stream);
    else Object.assign(response, { statusMessage: '', _hasBody: response.req.method !== 'HEAD' });
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
      // HTTP/2 has no such header, since each request is a stream of its own.
      ...(response.req.httpVersionMajor === 1 && { Connection: 'close' }),
    });
    response.end(body);
  } catch {
    // The application has replaced a method of the response, and that one threw.
    response.destroy();
  }
}

/**
 * Refuses a request, and closes its log entry when the answer has ended. If the request has not begun, nothing else
 * would notice that end.
 */
export function refuseAndClose(response: ServerResponse, status: Refusal): void {
  const { entry } = arrivalOf(response);
  if (entry) response.on('close', () => entry.close());
  refuse(response, status);
}

/**
 * Refuses the request of a client that is too slow, and warns the operator. `why` says what the client did not do in
 * time.
 */
export function refuseSlow(response: ServerResponse, why: string, warn: WorkerContext['warn']): void {
  const { method, url = '', socket } = response.req;
  warn('slow-client', `client too slow: ${socket.remoteAddress ?? 'a client'} ${why}: ${method} ${quoted(url)}`);
  refuseAndClose(response, 408);
}

/** @param waited - milliseconds. */
export function waitedFor({ headersSent }: ServerResponse, waited: number): string {
  const what = headersSent ? 'take its answer' : 'send its body';
  return `had to be waited for to ${what}, for ${(waited / 1_000).toFixed(1)} s`;
}

/**
 * Closes a connection of a worker that ends early. A client whose request has not begun gets a 503, and may send it
 * again. Any other connection is just destroyed.
 */
export function turnAway(socket: Socket): void {
  const response = pendingOf(socket) > 0 ? responseOf(socket) : undefined;
  if (response === undefined || response.headersSent) {
    socket.destroy();
    return;
  }
  lingeringHere()?.guard(streamOf(socket));
  refuseAndClose(response, 503);
}

/** NGHTTP2_INTERNAL_ERROR, RFC 9113, 7. It is a number here so that `node:http2` is loaded only where it is used. */
const INTERNAL_ERROR = 2;

/** Ends an answer so that the client does not take it for a complete one. */
export function breakOff(response: ServerResponse): void {
  // With HTTP/2, `destroy` would end the stream without an error.
  const { stream } = response as { stream?: { close(code: number): void } };
  if (stream) stream.close(INTERNAL_ERROR);
  else response.destroy();
}

/**
 * Refuses in a process that is about to exit: writes past the stream, which would not get to write any more. With TLS
 * that is not possible, so the connection just breaks. Returns whether the system has taken the answer.
 */
export function refuseNow({ headersSent, socket }: ServerResponse, status: 500 | 503): boolean {
  const { fd } = (socket as { _handle?: { fd?: number } | null } | null)?._handle ?? {};
  if (headersSent || fd === undefined || fd < 0 || (socket as Partial<TLSSocket>).encrypted) return false;
  return writeRefusal(fd, status);
}

/** Ends a connection with more unanswered requests than are held for one connection. */
export function cutOff(socket: Socket, pending: number, warn: WorkerContext['warn']): void {
  // Further requests that came in the same chunk lead here too.
  if (socket.destroyed) return;
  const { remoteAddress = 'a client' } = socket;
  warn('pipelining', `a connection of ${remoteAddress} was closed: ${pending} requests waited for answers`);
  socket.destroy();
}

/** Reports on stderr that a handler failed. */
export function report(error: unknown, { method, url = '' }: IncomingMessage): void {
  say(`prefork: worker ${process.pid}: the handler failed on ${method} ${quoted(url)}: ${errorText(error)}\n`);
}
