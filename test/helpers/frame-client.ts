import { once } from 'node:events';
import type { TestContext } from 'node:test';
import tls, { type TLSSocket } from 'node:tls';
import { inTime } from './wait.js';

/** Types and flags of frames, RFC 9113, 6. */
export const DATA = 0;
export const HEADERS = 1;
const SETTINGS = 4;
export const GOAWAY = 7;
export const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const ACK = 0x1;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** `:method: GET`, `:scheme: https`, `:path: /`, `:authority: a` in HPACK, RFC 7541. */
const REQUEST = Buffer.from([0x82, 0x87, 0x84, 0x41, 0x01, 0x61]);

/** An HTTP/2 client that sends what it likes: it does not stop when the server says so. */
export class FrameClient {
  readonly #socket: TLSSocket;
  readonly #frames: Frame[] = [];
  #rest = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => undefined);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.#send(SETTINGS, 0, 0);
  }

  static async connect(t: TestContext, url: string, ca: string): Promise<FrameClient> {
    const { hostname, port } = new URL(url);
    const socket = tls.connect({ host: hostname, port: Number(port), ca, ALPNProtocols: ['h2'] });
    t.after(() => socket.destroy());
    await inTime(once(socket, 'secureConnect'), 'the end of a TLS handshake');
    return new FrameClient(socket);
  }

  /** Sends a request; streams of clients have odd numbers. */
  get(stream: number): void {
    this.#send(HEADERS, END_STREAM | END_HEADERS, stream, REQUEST);
  }

  end(): void {
    this.#socket.end();
  }

  /** The first frame of those that have come, or come, for which something holds. */
  async until(holds: (frame: Frame) => boolean): Promise<Frame> {
    const come = async (): Promise<Frame> => {
      for (;;) {
        const found = this.#frames.find(holds);
        if (found) return found;
        if (this.#socket.closed) throw new Error('the connection ended');
        await Promise.race([once(this.#socket, 'data'), once(this.#socket, 'close')]);
      }
    };
    return inTime(come(), () => `a frame, after those of the types ${this.#frames.map(({ type }) => type)}`);
  }

  #send(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const [type = 0, flags = 0] = this.#rest.subarray(3, 5);
      const stream = this.#rest.readUInt32BE(5);
      this.#frames.push({ type, flags, stream, payload: this.#rest.subarray(9, end) });
      this.#rest = this.#rest.subarray(end);
      if (type === SETTINGS && (flags & ACK) === 0) this.#send(SETTINGS, ACK, 0);
    }
  }
}
