import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import tls from 'node:tls';
import { reset } from './reset.js';
import { inTime } from './wait.js';

/**
 * A client that goes on sending whatever it is told, and reads when it likes. Its first error loses what it has not read, as a reset does
 * with most clients.
 */
export class StubbornClient {
  /** All bytes that were read, as latin1. */
  received = '';
  /** The server has ended its side. */
  ended = false;
  /** The code of the first error: what this client does by itself is none. */
  error: string | undefined;
  readonly #socket: Socket;
  readonly #closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    socket.setNoDelay().on('error', ({ code, message }: NodeJS.ErrnoException) => {
      this.error ??= code ?? message;
    });
    socket.on('end', () => {
      this.ended = true;
    });
  }

  /** @param ca - the certificate to trust; plain without it. */
  static async connect(url: string, ca?: string): Promise<StubbornClient> {
    const { hostname, port } = new URL(url);
    const to = { host: hostname, port: Number(port), allowHalfOpen: true };
    const socket = ca === undefined ? connect(to) : tls.connect({ ...to, ca, servername: 'localhost' });
    const client = new StubbornClient(socket);
    await inTime(once(socket, ca === undefined ? 'connect' : 'secureConnect'), `a connection to ${url}`);
    return client;
  }

  /** From now on it reads. */
  read(): this {
    if (this.#socket.listenerCount('data') === 0) {
      this.#socket.setEncoding('latin1').on('data', (text: string) => {
        this.received += text;
      });
    }
    this.#socket.resume();
    return this;
  }

  stopReading(): this {
    this.#socket.pause();
    return this;
  }

  /** Resolves when the system has taken it, or the connection is over. */
  async send(bytes: string | Buffer): Promise<void> {
    if (this.#socket.destroyed) return;
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    const taken = new Promise<void>((resolve) => this.#socket.write(data, () => resolve()));
    await inTime(Promise.race([taken, this.#closed]), () => `bytes to be taken; ${this}`);
  }

  get isOver(): boolean {
    return this.#socket.destroyed;
  }

  /** Ends its own side. */
  finish(): this {
    this.#socket.end();
    return this;
  }

  /** Goes without a word: with TLS by a FIN, or a reset if it has not read all. */
  leave(): void {
    if (this.#socket instanceof tls.TLSSocket) this.#socket.destroy();
    else reset(this.#socket);
  }

  /** Waits for something that comes, or for the end. */
  async until(holds: (received: string) => boolean): Promise<void> {
    let look: () => void = () => undefined;
    const come = new Promise<void>((resolve) => {
      look = () => {
        if (holds(this.received) || this.ended || this.isOver) resolve();
      };
    });
    const events = ['data', 'end', 'close'];
    for (const event of events) this.#socket.on(event, look);
    look();
    await inTime(come, () => `an answer; ${this}`);
    for (const event of events) this.#socket.off(event, look);
  }

  /** The end of both sides. */
  async over(): Promise<void> {
    await inTime(this.#closed, () => `the end of a connection; ${this}`);
  }

  toString(): string {
    const { received, ended, error } = this;
    return JSON.stringify({ received: received.slice(0, 400), length: received.length, ended, error });
  }
}
