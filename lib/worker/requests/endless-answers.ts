import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { quoted } from '../../log/text.js';
import type { WorkerMessage } from '../../protocol/messages.js';
import { serializeError } from '../../serialized-error.js';
import type { Acceptor } from '../accept/acceptor.js';
import { isStream, pendingOf, streamOf, transportOf } from '../connections/connection.js';
import { closeIfIdle } from '../connections/half-close.js';
import { attempt } from '../handlers/call-handler.js';
import type { Listener } from '../handlers/listener.js';
import type { WorkerContext } from '../worker.js';
import { breakOff, refuse } from './refusal.js';

/** Tells the application that the drain begins. What it does about it is its own matter. */
export function announce(listener: Listener | undefined, tell: (message: WorkerMessage) => void): void {
  attempt(
    () => listener?.drain?.(),
    (error) => tell({ type: 'error', error: serializeError(error) }),
  );
}

/**
 * The time of a drain is nearly over: ends the answers that are left, so that the application can close what it has opened and
 * the worker ends by itself. After `farewell` milliseconds, what still has a connection loses it.
 *
 * @param answers - those under way. Looked at twice: a kept connection may bring a request even now.
 */
export async function endLate(
  acceptor: Acceptor,
  answers: () => readonly { readonly response: ServerResponse }[],
  farewell: number,
  { warn }: Pick<WorkerContext, 'warn'>,
): Promise<void> {
  acceptor.abandon();
  for (let looks = 0; looks < 2; looks++) {
    const left = answers().flatMap(({ response }) => (response.writableEnded ? [] : [response]));
    if (left[0] !== undefined) warn('drain', describe(left, left[0].req));
    for (const answer of left) endAnswer(answer);
    await delay(farewell / 2, undefined, { ref: false });
  }
  for (const socket of acceptor.connections) socket.destroy();
}

/**
 * An answer that is ended in the application's place looks whole to its client. Only of one kind that cannot mislead: a stream of
 * events has no end, its clients drop what is no whole event, and come again. Any other is broken off.
 */
function endAnswer(response: ServerResponse): void {
  // The application may go on to write.
  response.on('error', () => undefined);
  if (!response.headersSent) refuse(response, 503);
  else if (isEventStream(response)) response.end();
  else if (isEndedByClose(response)) reset(response);
  else breakOff(response);
}

function describe({ length }: readonly ServerResponse[], { method, url = '' }: IncomingMessage): string {
  const what = length === 1 ? 'an answer was' : `${length} answers were`;
  return `gracefulTimeout is nearly over, and ${what} not at an end: ${length === 1 ? '' : 'the first, '}${method} ${quoted(url)}`;
}

/** The head that was sent; headers that `writeHead` was given are found nowhere else. */
function headOf(response: ServerResponse): string {
  return (response as unknown as { _header?: string | null })._header ?? '';
}

/** Whether it has no end that could be waited for. */
export function isEventStream(response: ServerResponse): boolean {
  const pattern = /^text\/event-stream\b/i;
  if (pattern.test(String(response.getHeader('content-type')))) return true;
  return /^content-type: *text\/event-stream\b/im.test(headOf(response));
}

/** Without chunks and without a length, the end of the connection is that of the answer. RFC 9112, 6.3. */
function isEndedByClose(response: ServerResponse): boolean {
  return response.req.httpVersionMajor === 1 && !/^(?:transfer-encoding|content-length):/im.test(headOf(response));
}

function reset({ req: { socket } }: ServerResponse): void {
  const transport = transportOf(socket);
  try {
    // Of a TLS stream that is being ended, the connection does not know.
    if (socket !== transport && socket.writableEnded) transport.destroy();
    else transport.resetAndDestroy();
  } catch {
    // A Unix socket has no such thing.
    transport.destroy();
  }
}

/**
 * During a drain, a stream of events has come to its end. Its head had been sent before, so it could not say that it is the last of its
 * connection, and an `EventSource` would come back on it: to the worker that leaves. So it learns from the end of the connection, which comes
 * with that of the answer. RFC 9112, 9.6. It waits before it comes back; other clients may not, and what they send would cross that end.
 */
export function endKept(response: ServerResponse, transport: Socket): void {
  const stream = streamOf(transport);
  if (isStream(response.req) || !stream.writable || !isEventStream(response)) return;
  const { bytesRead } = transport;
  closeIfIdle(stream, () => pendingOf(transport) === 0 && transport.bytesRead === bytesRead);
}
