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

/** Tells the application that the drain begins. What it does then is up to the application. */
export function announce(listener: Listener | undefined, tell: (message: WorkerMessage) => void): void {
  attempt(
    () => listener?.drain?.(),
    (error) => tell({ type: 'error', error: serializeError(error) }),
  );
}

/**
 * Called when the time of a drain is nearly over. Ends the answers that are left, so that the application can close
 * what it has opened and the worker ends by itself. After `farewell` milliseconds, connections that are still open are
 * destroyed.
 *
 * @param answers - those under way. They are looked at twice, since a kept connection may bring a request even now.
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
 * Ends an answer in the application's place. A client takes an answer that is ended for a complete one. That misleads
 * nobody for one kind only: an event stream has no end, and its clients drop an incomplete event and reconnect. Any
 * other answer is broken off.
 */
function endAnswer(response: ServerResponse): void {
  // The application may still write to it.
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

/** The head that was sent. Headers that were passed to `writeHead` are found nowhere else. */
function headOf(response: ServerResponse): string {
  return (response as unknown as { _header?: string | null })._header ?? '';
}

/** Whether the answer is an event stream, which has no end that could be waited for. */
export function isEventStream(response: ServerResponse): boolean {
  const pattern = /^text\/event-stream\b/i;
  if (pattern.test(String(response.getHeader('content-type')))) return true;
  return /^content-type: *text\/event-stream\b/im.test(headOf(response));
}

/** Without chunked encoding and without a length, the answer ends when its connection does. RFC 9112, 6.3. */
function isEndedByClose(response: ServerResponse): boolean {
  return response.req.httpVersionMajor === 1 && !/^(?:transfer-encoding|content-length):/im.test(headOf(response));
}

function reset({ req: { socket } }: ServerResponse): void {
  const transport = transportOf(socket);
  try {
    // While a TLS stream is being ended, the connection below it does not know that.
    if (socket !== transport && socket.writableEnded) transport.destroy();
    else transport.resetAndDestroy();
  } catch {
    // A Unix socket cannot be reset.
    transport.destroy();
  }
}

/**
 * Called when an answer has ended during a drain; acts on event streams only. The head was sent before the drain, so it
 * could not announce the last answer of its connection, and an `EventSource` would reconnect on that connection, to the
 * worker that leaves. So the connection is closed right behind the stream. RFC 9112, 9.6. An `EventSource` waits before
 * it reconnects. Other clients may not wait: what they send would cross the close, so the connection is closed only if
 * it is still idle.
 */
export function endKept(response: ServerResponse, transport: Socket): void {
  const stream = streamOf(transport);
  if (isStream(response.req) || !stream.writable || !isEventStream(response)) return;
  const { bytesRead } = transport;
  closeIfIdle(stream, () => pendingOf(transport) === 0 && transport.bytesRead === bytesRead);
}
