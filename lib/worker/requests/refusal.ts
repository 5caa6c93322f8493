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

/** Answers in the application's place while the head has not been sent; after that only the broken connection can tell the client. */
export function refuse(response: ServerResponse, status: Refusal = 500): void {
  if (response.headersSent) {
    if (!response.writableFinished) breakOff(response);
    return;
  }
  const body = refusalPage(status);
  try {
    // What the application said of its answer described one that does not come, by Node's own mark (20 to 26) one without a body, if its head was that of a 204.
    // HTTP/2 has no words for a status, and a request of which a part was read.
    if (isStream(response.req)) endWhenSent((response as unknown as Http2ServerResponse).stream);
    else Object.assign(response, { statusMessage: '', _hasBody: response.req.method !== 'HEAD' });
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
      // HTTP/2 knows no such header: there a request is a stream of its own.
      ...(response.req.httpVersionMajor === 1 && { Connection: 'close' }),
    });
    response.end(body);
  } catch {
    // The application has put a method of its own in the way.
    response.destroy();
  }
}

/** The same to a request that has not begun: nobody else hears of its end. */
export function refuseWaiting(response: ServerResponse, status: Refusal): void {
  const { entry } = arrivalOf(response);
  if (entry) response.on('close', () => entry.close());
  refuse(response, status);
}

/** The client is too slow: it is told, and so is the operator. `why` says what it did not do in time. */
export function refuseSlow(response: ServerResponse, why: string, warn: WorkerContext['warn']): void {
  const { method, url = '', socket } = response.req;
  warn('slow-client', `client too slow: ${socket.remoteAddress ?? 'a client'} ${why}: ${method} ${quoted(url)}`);
  refuseWaiting(response, 408);
}

/** @param waited - milliseconds. */
export function waitedFor({ headersSent }: ServerResponse, waited: number): string {
  const what = headersSent ? 'take its answer' : 'send its body';
  return `had to be waited for to ${what}, for ${(waited / 1_000).toFixed(1)} s`;
}

/** The worker ends early. Who has sent a request that has not begun is told so, and may send it again; any other connection is just closed. */
export function turnAway(socket: Socket): void {
  const response = pendingOf(socket) > 0 ? responseOf(socket) : undefined;
  if (response === undefined || response.headersSent) {
    socket.destroy();
    return;
  }
  lingeringHere()?.guard(streamOf(socket));
  refuseWaiting(response, 503);
}

/** NGHTTP2_INTERNAL_ERROR, RFC 9113, 7; `node:http2` is loaded only where it is used. */
const INTERNAL_ERROR = 2;

/** Ends an answer so that the client does not take it for a whole one. */
export function breakOff(response: ServerResponse): void {
  // Of HTTP/2, `destroy` would end the stream without an error.
  const { stream } = response as { stream?: { close(code: number): void } };
  if (stream) stream.close(INTERNAL_ERROR);
  else response.destroy();
}

/**
 * The same in a process that is about to exit: past the stream, which would not get to write. With TLS there is no way
 * past it, so the connection breaks. Returns whether the system has taken it.
 */
export function refuseNow({ headersSent, socket }: ServerResponse, status: 500 | 503): boolean {
  const { fd } = (socket as { _handle?: { fd?: number } | null } | null)?._handle ?? {};
  if (headersSent || fd === undefined || fd < 0 || (socket as Partial<TLSSocket>).encrypted) return false;
  return writeRefusal(fd, status);
}

/** Ends a connection of which more requests wait for their answers than are kept for one. */
export function cutOff(socket: Socket, pending: number, warn: WorkerContext['warn']): void {
  // What came with the request that was too many comes here too.
  if (socket.destroyed) return;
  const { remoteAddress = 'a client' } = socket;
  warn('pipelining', `a connection of ${remoteAddress} was closed: ${pending} requests waited for answers`);
  socket.destroy();
}

/** Tells on stderr that a handler failed. */
export function report(error: unknown, { method, url = '' }: IncomingMessage): void {
  say(`prefork: worker ${process.pid}: the handler failed on ${method} ${quoted(url)}: ${errorText(error)}\n`);
}
