import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import { responseTo } from './response.js';
import { inTime } from './wait.js';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Sends one request on a connection of its own. Rejects when the connection breaks before the end of the answer.
 *
 * @param ca - with `https`, the certificate to trust.
 */
export async function get(url: string, ca?: string): Promise<Answer> {
  const request = ca === undefined ? http.get(url, { agent: false }) : https.get(url, { agent: false, ca });
  const response = await inTime(responseTo(request), `an answer to ${url}`);
  let body = '';
  for await (const text of response.setEncoding('utf8')) body += text;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** A client that sends any text or bytes that the test gives it. */
export class RawClient {
  received = '';
  readonly #socket: Socket;
  readonly #closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.received += text;
    });
    // To this client, a reset ends the connection as any other end does.
    socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Connects to the host of a URL; the connection ends with the test. */
  static async connect(t: TestContext, url: string, options: { allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ ...options, host: hostname, port: Number(port) });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** The same over TLS, with this certificate as the one to trust. */
  static async secure(t: TestContext, url: string, ca: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = tls.connect({ host: hostname, port: Number(port), ca });
    t.after(() => socket.destroy());
    await inTime(once(socket, 'secureConnect'), 'the end of a TLS handshake');
    return new RawClient(socket);
  }

  onError(listener: (error: NodeJS.ErrnoException) => void): void {
    this.#socket.on('error', listener);
  }

  send(text: string | Buffer): this {
    this.#socket.write(text);
    return this;
  }

  get(path: string): this {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
  }

  /** Ends this side of the connection; the server may still send. */
  end(): this {
    this.#socket.end();
    return this;
  }

  /** Waits until a condition holds for all that has been received. */
  async until(holds: (received: string) => boolean, what: string): Promise<void> {
    await inTime(this.#when(holds), () => `${what}; received:\n${this.received}`);
  }

  /** Whether the connection is over: the server has closed it, or it broke. */
  get closed(): boolean {
    return this.#socket.closed;
  }

  /** All that the server sent until it closed the connection. */
  async all(): Promise<string> {
    await inTime(this.#closed, 'the end of a connection');
    return this.received;
  }

  /** Drops the connection without sending anything more. */
  leave(): void {
    this.#socket.destroy();
  }

  async #when(holds: (received: string) => boolean): Promise<void> {
    while (!holds(this.received)) {
      if (this.#socket.closed) throw new Error(`the connection ended; received:\n${this.received}`);
      await Promise.race([once(this.#socket, 'data'), this.#closed]);
    }
  }
}

/** The lines of the head of an answer, without those that differ from answer to answer. */
export function headLines(answer: string): string[] {
  return answer
    .slice(0, answer.indexOf('\r\n\r\n'))
    .split('\r\n')
    .filter((line) => !line.startsWith('Date: '));
}
