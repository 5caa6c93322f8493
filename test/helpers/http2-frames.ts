import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import { certificate } from './certificate.js';
import { eventually, inTime } from './wait.js';

/** Types of frames, RFC 9113, 6. */
export const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, GOAWAY: 7 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

function frame(type: FrameType, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

/** A header field whose name is in the static table, RFC 7541, 6.2.2. */
const header = (name: number, value: string): Buffer =>
  Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)]);

/** The frame of a request without a body. */
export function headers(id: number, path: string, method = 'GET'): Buffer {
  // 2 is :method, 4 is :path, 7 is `:scheme: https`, 1 is :authority.
  const block = [header(2, method), Buffer.from([0x87]), header(4, path), header(1, 'localhost')];
  return frame(FRAME.HEADERS, END_STREAM | END_HEADERS, id, Buffer.concat(block));
}

/** The frame that cancels a request: CANCEL. */
export function reset(id: number): Buffer {
  return frame(FRAME.RST_STREAM, 0, id, Buffer.from([0, 0, 0, 8]));
}

export const settingsAck: Buffer = frame(FRAME.SETTINGS, ACK, 0);

/**
 * An HTTP/2 client that sends only the frames that the test gives it. It does nothing by itself, and does not even
 * close.
 */
export class FrameClient {
  readonly frames: Frame[] = [];
  readonly #socket: tls.TLSSocket;
  #rest: Buffer = Buffer.alloc(0);
  /** The error that ended the connection. */
  error: NodeJS.ErrnoException | undefined;
  ended = false;

  private constructor(socket: tls.TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error) => {
      this.error = error;
    });
  }

  /** Connects, and resolves when the SETTINGS of the server have come. The connection ends with the test. */
  static async connect(t: TestContext, url: string): Promise<FrameClient> {
    const { hostname, port } = new URL(url);
    const plain = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const socket = tls.connect({ socket: plain, host: hostname, ca: certificate().cert, ALPNProtocols: ['h2'] });
    t.after(() => socket.destroy());
    await inTime(once(socket, 'secureConnect'), 'the end of a TLS handshake');
    const client = new FrameClient(socket);
    client.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.SETTINGS, 0, 0));
    await client.until(() => client.of(FRAME.SETTINGS).length > 0, 'SETTINGS');
    return client;
  }

  send(...bytes: Buffer[]): this {
    this.#socket.write(Buffer.concat(bytes));
    return this;
  }

  of(type: FrameType): Frame[] {
    return this.frames.filter((seen) => seen.type === type);
  }

  /** The body of a stream as far as it has come. */
  body(id: number): string {
    const frames = this.of(FRAME.DATA).filter((seen) => seen.id === id);
    return Buffer.concat(frames.map(({ payload }) => payload)).toString();
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const seen = (): string => this.frames.map(({ type, id }) => `${type}/${id}`).join(' ');
    await eventually(holds, () => `${what}; type and stream of what came: ${seen()}, ${this.error}`);
  }

  leave(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const end = 9 + (this.#rest.length < 9 ? Number.POSITIVE_INFINITY : this.#rest.readUIntBE(0, 3));
      if (this.#rest.length < end) return;
      const [type, flags] = [this.#rest[3] as number, this.#rest[4] as number];
      this.frames.push({ type, flags, id: this.#rest.readUInt32BE(5), payload: this.#rest.subarray(9, end) });
      this.#rest = this.#rest.subarray(end);
    }
  }
}
