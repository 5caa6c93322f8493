import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import tls from 'node:tls';
import { reset } from './reset.js';
import { inTime } from './wait.js';

/**
 * A client that goes on sending whatever the answer says, and reads when the test says so. With its first error it
 * loses what it has not read, as most clients do with a reset.
 */
export class StubbornClient {
  /** All bytes that were read, as latin1. */
  received = '';
  /** Whether the server has ended its side. */
  ended = false;
  /** The code of the first error. What this client does itself, such as a reset, is no error. */
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

  /** @param ca - the certificate to trust; without it, the connection is not encrypted. */
  static async connect(url: string, ca?: string): Promise<StubbornClient> {
    const { hostname, port } = new URL(url);
    const to = { host: hostname, port: Number(port), allowHalfOpen: true };
    const socket = ca === undefined ? connect(to) : tls.connect({ ...to, ca, servername: 'localhost' });
    const client = new StubbornClient(socket);
    await inTime(once(socket, ca === undefined ? 'connect' : 'secureConnect'), `a connection to ${url}`);
    return client;
  }

  /** Begins to read. */
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

  /** Sends bytes. Resolves when the system has taken them, or the connection is over. */
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

  /**
   * Leaves without a closing message: with TLS by a FIN, or by a reset if it has not read all; without TLS by a reset.
   */
  leave(): void {
    if (this.#socket instanceof tls.TLSSocket) this.#socket.destroy();
    else reset(this.#socket);
  }

  /** Waits until what has been received meets a condition, or the server has ended. */
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

  /** Waits for the end of both sides. */
  async over(): Promise<void> {
    await inTime(this.#closed, () => `the end of a connection; ${this}`);
  }

  toString(): string {
    const { received, ended, error } = this;
    return JSON.stringify({ received: received.slice(0, 400), length: received.length, ended, error });
  }
}
