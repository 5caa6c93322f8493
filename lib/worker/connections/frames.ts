import type { Socket } from 'node:net';

/** A head of an answer that is longer than this is not followed. Bytes. */
const MAX_ANSWER = 65_536;
/** The longest head of an unmasked frame, RFC 6455, 5.2. Bytes. */
const MAX_HEAD = 10;
const EMPTY: Buffer = Buffer.alloc(0);
/** The opcode of a close frame; those from here on are control frames. */
const CLOSE = 8;

/**
 * Follows what the application writes to a connection after an upgrade: the answer, and then the frames of a WebSocket.
 * It knows where each frame ends, and gives up for good at the first byte that cannot belong to a frame. Only the heads
 * of frames are looked at.
 */
export class Frames {
  #phase: 'answer' | 'frames' | 'unknown' = 'answer';
  /** The beginning of an answer, or of a frame's head, that is not complete yet. */
  #part: Buffer = EMPTY;
  /** What is still to come of a frame's payload. Bytes. */
  #left = 0;
  #bytes = 0;
  #closed = false;

  /** How many bytes have been followed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the upgrade was answered with 101, and the last byte written is the end of that answer or of a frame. */
  get areWhole(): boolean {
    return this.#phase === 'frames' && this.#left === 0 && this.#part.length === 0;
  }

  /** Whether the application has written a close frame, after which no other frame may come. */
  get areClosed(): boolean {
    return this.#closed;
  }

  follow(bytes: Buffer): void {
    this.#bytes += bytes.length;
    let rest = bytes;
    if (this.#phase === 'answer') rest = this.#followAnswer(rest);
    while (this.#phase === 'frames' && rest.length > 0) {
      const payload = Math.min(this.#left, rest.length);
      this.#left -= payload;
      rest = rest.subarray(payload);
      if (this.#left === 0 && rest.length > 0) rest = this.#followHead(rest);
    }
  }

  /** Something cannot be read as a frame: nothing is known from now on. */
  giveUp(): void {
    this.#phase = 'unknown';
    this.#part = EMPTY;
  }

  /** Returns the bytes that follow the answer. */
  #followAnswer(bytes: Buffer): Buffer {
    let rest = Buffer.concat([this.#part, bytes]);
    for (;;) {
      const end = rest.indexOf('\r\n\r\n');
      if (end === -1) {
        this.#part = rest;
        if (rest.length > MAX_ANSWER) this.giveUp();
        return EMPTY;
      }
      const head = rest.toString('latin1', 0, 13);
      rest = rest.subarray(end + 4);
      // After an interim answer, such as 103, the one that decides is still to come.
      if (/^HTTP\/1\.1 1(?!01)\d\d /.test(head)) continue;
      this.#part = EMPTY;
      if (/^HTTP\/1\.1 101 /.test(head)) this.#phase = 'frames';
      else this.giveUp();
      return rest;
    }
  }

  /** Returns the bytes that follow the head of the frame. */
  #followHead(bytes: Buffer): Buffer {
    const before = this.#part.length;
    const head = before === 0 ? bytes : Buffer.concat([this.#part, bytes.subarray(0, MAX_HEAD)]);
    const [first = 0, second = 0] = head;
    const opcode = first & 0x0f;
    const isControl = opcode >= CLOSE;
    const short = second & 0x7f;
    const size = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (head.length < 2 || head.length < size) {
      this.#part = Buffer.from(head);
      return EMPTY;
    }
    this.#part = EMPTY;
    const length = short === 126 ? head.readUInt16BE(2) : short === 127 ? Number(head.readBigUInt64BE(2)) : short;
    const isKnown = opcode <= 2 || (opcode >= CLOSE && opcode <= 10);
    const isMasked = second > 0x7f;
    // A server's frames are not masked, and a control frame is short and not fragmented: RFC 6455, 5.1 and 5.5.
    if (!isKnown || isMasked || !Number.isSafeInteger(length) || (isControl && (short > 125 || first < 0x80))) {
      this.giveUp();
      return EMPTY;
    }
    if (opcode === CLOSE) this.#closed = true;
    this.#left = length;
    return bytes.subarray(size - before);
  }
}

/** Follows what the application writes from now on; to be called before it has written anything. */
export function followFrames(socket: Socket): Frames {
  const frames = new Frames();
  const write = socket.write as (...args: unknown[]) => boolean;
  socket.write = function (this: Socket, ...args: unknown[]): boolean {
    const [chunk, encoding] = args;
    if (typeof chunk === 'string') frames.follow(Buffer.from(chunk, textEncoding(encoding)));
    else if (chunk instanceof Uint8Array) frames.follow(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    else frames.giveUp();
    return write.apply(this, args);
  } as Socket['write'];
  return frames;
}

function textEncoding(encoding: unknown): BufferEncoding | undefined {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined;
}
