import { once } from 'node:events';
import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { TestContext } from 'node:test';
import { certificate } from './certificate.js';
import { Host, type HostOptions, type HostSettings } from './host.js';
import { inTime } from './wait.js';

/** A host with one async worker that speaks HTTP/2, and also HTTP/1.1. */
export function http2Host(t: TestContext, options: HostOptions, settings: HostSettings = {}): Host {
  return new Host(
    t,
    { workers: 1, workerClass: 'async', http2: true, tls: { ...certificate() }, ...options },
    settings,
  );
}

/** Opens an HTTP/2 connection, which ends with the test. */
export async function connect(t: TestContext, url: string): Promise<ClientHttp2Session> {
  const session = http2.connect(url, { ca: certificate().cert });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  await inTime(once(session, 'connect'), 'an HTTP/2 session');
  return session;
}

export interface Http2Answer {
  readonly status: number | undefined;
  readonly body: string;
}

export function request(
  session: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders = {},
  options: ClientSessionRequestOptions = {},
): ClientHttp2Stream {
  const stream = session.request({ ':path': path, ...headers }, options);
  stream.on('error', () => undefined);
  return stream;
}

/** The answer on a stream; without a status if the stream broke before one came. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let status: number | undefined;
  let body = '';
  stream.on('response', (headers) => {
    status = headers[':status'];
  });
  stream.setEncoding('utf8').on('data', (text: string) => {
    body += text;
  });
  // A stream that fails is closed too, so `'close'` is enough.
  if (!stream.closed) await inTime(new Promise((resolve) => stream.once('close', resolve)), 'the end of a stream');
  return { status, body };
}

export const closed = (session: ClientHttp2Session): Promise<unknown> =>
  session.closed ? Promise.resolve() : inTime(new Promise((resolve) => session.once('close', resolve)), 'its end');
