import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { reset } from './reset.js';
import { inTime } from './wait.js';

/**
 * A client that sends any bytes, and may leave in any way. The test need not close it: its connection ends with the
 * process of the server.
 */
export class ByteClient {
  /** All bytes that have been received, as latin1. */
  received = '';
  /** How the connection ended: by the server's FIN, by a reset, or by this client itself. */
  end: 'open' | 'closed' | 'reset' | 'left' = 'open';
  readonly #socket: Socket;
  readonly #closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay().setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
    });
    socket.on('end', () => {
      this.end = 'closed';
    });
    // EPIPE counts as a reset too: the server has closed before all was sent.
    socket.on('error', () => {
      if (this.end === 'open') this.end = 'reset';
    });
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** @param localAddress - the address that the client comes from. */
  static async connect(url: string, localAddress?: string): Promise<ByteClient> {
    const { hostname, port } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    const socket = connect({ host, port: Number(port), ...(localAddress !== undefined && { localAddress }) });
    await inTime(once(socket, 'connect'), `a connection to ${url}`);
    return new ByteClient(socket);
  }

  /** Sends text as latin1, byte for byte. */
  send(bytes: string | Uint8Array): this {
    this.#socket.write(Buffer.from(bytes as string, 'latin1'));
    return this;
  }

  /** Sends text in small pieces, with a turn of the event loop between them. The kernel may still join some of them. */
  async drip(bytes: string, size = 1): Promise<this> {
    for (let at = 0; at < bytes.length && this.#socket.writable; at += size) {
      this.send(bytes.slice(at, at + size));
      await new Promise(setImmediate);
    }
    return this;
  }

  get(path: string): this {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  }

  /**
   * Writes the same bytes again and again, as fast as they are taken, until the server ends the connection or the limit
   * is reached. Returns how many bytes were written. The answer of the server is often lost, since it closes before it
   * has read all.
   */
  async flood(bytes: string, limit: number): Promise<number> {
    let sent = 0;
    while (sent < limit && this.#socket.writable && this.end === 'open') {
      this.send(bytes);
      sent += bytes.length;
      if (!this.#socket.writableNeedDrain) continue;
      const taken = once(this.#socket, 'drain').catch(() => undefined);
      await inTime(Promise.race([taken, this.#closed]), 'a flood to be taken or refused');
    }
    return sent;
  }

  /** Ends its own side: FIN. */
  finish(): this {
    this.#socket.end();
    return this;
  }

  /** Ends its own side, and resolves when the kernel has the FIN. */
  shut(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }

  /** Resets the connection: RST. */
  reset(): void {
    this.end = 'left';
    reset(this.#socket);
  }

  /** Waits for some text of the answer. */
  async until(text: string): Promise<this> {
    const come = async (): Promise<void> => {
      while (!this.received.includes(text)) {
        if (this.end !== 'open')
          throw new Error(`the connection was ${this.end} after ${JSON.stringify(this.received)}`);
        await Promise.race([once(this.#socket, 'data').catch(() => 0), this.#closed]);
      }
    };
    await inTime(come(), () => `${JSON.stringify(text)} after ${JSON.stringify(this.received)}`);
    return this;
  }

  /** All that the server sent until the connection ended. */
  async all(): Promise<string> {
    await inTime(this.#closed, () => `the end of a connection, after ${JSON.stringify(this.received.slice(0, 500))}`);
    return this.received;
  }
}

/** An answer as it was received. */
export interface WireAnswer {
  readonly status: number;
  /** In lower case, without the date. */
  readonly headers: readonly string[];
  readonly body: string;
}

/**
 * Splits what was received on a connection into answers. Each has a Content-Length or chunks, or ends with the
 * connection.
 */
export function answersIn(received: string): WireAnswer[] {
  const answers: WireAnswer[] = [];
  for (let rest = received; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n');
    const head = end < 0 ? rest : rest.slice(0, end);
    const [first = '', ...lines] = head.split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(`${first} `)?.[1]);
    if (Number.isNaN(status)) throw new Error(`no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    const headers = lines.map((line) => line.toLowerCase()).filter((line) => !line.startsWith('date:'));
    const after = end < 0 ? '' : rest.slice(end + 4);
    const body = bodyOf(after, status, headers);
    answers.push({ status, headers, body: body.text });
    rest = after.slice(body.length);
  }
  return answers;
}

function bodyOf(rest: string, status: number, headers: readonly string[]): { text: string; length: number } {
  const value = (name: string): string | undefined =>
    headers.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const stated = value('content-length');
  if (status < 200) return { text: '', length: 0 };
  if (stated !== undefined) return { text: rest.slice(0, Number(stated)), length: Number(stated) };
  if (value('transfer-encoding') !== 'chunked') return { text: rest, length: rest.length };
  let text = '';
  let at = 0;
  for (;;) {
    const line = rest.indexOf('\r\n', at);
    const size = Number.parseInt(rest.slice(at, line), 16);
    if (line < 0 || Number.isNaN(size)) return { text, length: rest.length };
    text += rest.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (size === 0) return { text, length: at };
  }
}
