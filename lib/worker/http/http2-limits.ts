/*
 * Limits of a request for HTTP/2, where Node has none: they are options of its server for HTTP/1.1 only. A request that
 * exceeds one gets an answer in the place of that of the application; its connection goes on.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Stream } from 'node:http2';
import { asDelay } from '../../delay.js';
import type { RequestListener } from '../../options/handler.js';
import { isStream } from '../connections/connection.js';
import { whenEnded } from '../requests/arrival.js';
import { refuse } from '../requests/refusal.js';

/** Limits that the Arbiter was given; 0 is no limit. */
export interface RequestLimits {
  /** The option of that name, bytes. */
  readonly maxHeaderSize?: number | undefined;
  /** The option of that name, milliseconds. Node's default does not count: streams of HTTP/2 may be meant to last. */
  readonly requestTimeout?: number | undefined;
}

/** What stands around a header in a head of HTTP/1.1: a colon, a blank and the end of the line. Bytes. */
const AROUND = 4;
/** RFC 9113, 8.1: a stream may be closed in this way behind its complete answer. */
const NO_ERROR = 0;

/**
 * Puts the limits before a listener. They are not announced as a setting of HTTP/2 (SETTINGS_MAX_HEADER_LIST_SIZE),
 * which holds only once the client has confirmed it.
 */
export function limitRequests({ maxHeaderSize = 0, requestTimeout = 0 }: RequestLimits) {
  return (answer: RequestListener): RequestListener => {
    if (maxHeaderSize === 0 && requestTimeout === 0) return answer;
    return (request, response) => {
      if (isStream(request)) {
        if (maxHeaderSize > 0 && sizeOf(request) > maxHeaderSize) return refuse(response, 431);
        if (requestTimeout > 0) limitTime(response, requestTimeout);
      }
      return answer(request, response);
    };
  };
}

/** The size that the head would have in HTTP/1.1. Node makes each byte of a header one character. */
function sizeOf({ rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((size, text) => size + text.length, (rawHeaders.length / 2) * AROUND);
}

/** Ends a request that has not come to its end after this time: 408, or a broken answer if there is one already. */
function limitTime(response: ServerResponse, limit: number): void {
  const { stream } = response as unknown as { readonly stream: Http2Stream };
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => {
    if (stream.destroyed || stream.state.remoteClose === 1) return;
    if (response.writableFinished) stream.close(NO_ERROR);
    else refuse(response, 408);
  }, asDelay(limit)).unref();
  whenEnded(response, () => clearTimeout(timer));
}
