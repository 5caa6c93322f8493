import type { ServerResponse } from 'node:http';

/** An answer of the control. A string is sent as it is, anything else as JSON. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Headers of every answer: a browser must not store it, guess its type, show it in a frame, or run what may be in it.
 */
export const GUARDED: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** How long a client may take to read an answer that has been written. Milliseconds. */
const READING = 10_000;

export function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  response.writeHead(status, {
    ...GUARDED,
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
  if (response.writableFinished) return;
  const { socket } = response;
  const timer = setTimeout(() => socket?.destroy(), READING).unref();
  response.once('close', () => clearTimeout(timer));
}

/** The answer to a request that was not understood, or not allowed. */
export function problem(status: number, message: string, more: object = {}, headers?: Answer['headers']): Answer {
  return { status, body: { error: { message, ...more } }, ...(headers && { headers }) };
}
