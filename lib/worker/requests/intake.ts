import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** So many bodies of the largest size are held at once. */
const BODIES = 64;

/** What becomes of a request that is waited for: one of these is called, once. */
export interface Outcome {
  readonly ready: () => void;
  /** There is no memory for all that wait, and this one has been sending for the longest. */
  readonly giveUp: () => void;
}

interface Held extends Outcome {
  readonly request: IncomingMessage;
  bytes: number;
}

/**
 * Waits for the bodies of requests, so that a client that sends slowly does so without a place: a request goes on when all of it is
 * here, or as much as is waited for.
 *
 * What comes stays where Node puts it, in the buffer of the request, which is only told to go on reading. So the handler finds the
 * body as it always would, and a longer one comes as fast as the handler reads it.
 */
export class Intake {
  readonly #limit: number;
  readonly #total: number;
  /** Those whose bodies are still coming, longest first; a parser reads one of each connection. */
  readonly #coming = new Map<Socket, Held>();
  /** What those that have not begun hold, bytes. */
  readonly #sizes = new Map<IncomingMessage, number>();
  #bytes = 0;

  /** @param limit - how much of a body is waited for, bytes. 0 = nothing. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#total = limit * BODIES;
  }

  /** Whether the request is to be waited for. */
  wants(request: IncomingMessage): boolean {
    return this.#limit > 0 && hasBody(request);
  }

  /** Calls back when the request may go on. {@link Intake.release} must follow. */
  receive(request: IncomingMessage, socket: Socket, outcome: Outcome): void {
    const held: Held = { ...outcome, request, bytes: 0 };
    this.#coming.set(socket, held);
    this.#sizes.set(request, 0);
    const { push } = request;
    // Node's parser hands the body over through this, and stops to read where it returns false.
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      const more = push.call(request, chunk, encoding);
      if (chunk === null) this.#release(socket, held);
      return chunk === null ? more : this.#grow(socket, held, chunk.length);
    };
  }

  /** The request begins, or never will: what it holds is no longer ours to count. */
  release(request: IncomingMessage): void {
    if (this.#sizes.size === 0) return;
    const bytes = this.#sizes.get(request);
    if (bytes === undefined) return;
    this.#sizes.delete(request);
    this.#bytes -= bytes;
  }

  /** The connection has closed. Returns the request that was coming, if any: it will not go on. */
  drop(socket: Socket): IncomingMessage | undefined {
    if (this.#coming.size === 0) return undefined;
    const held = this.#coming.get(socket);
    if (held === undefined) return undefined;
    this.#coming.delete(socket);
    delete (held.request as Partial<IncomingMessage>).push;
    this.release(held.request);
    return held.request;
  }

  /** The connection must go. Returns whether a request of it was coming. */
  giveUp(socket: Socket): boolean {
    const held = this.#coming.get(socket);
    if (held === undefined) return false;
    this.drop(socket);
    held.giveUp();
    return true;
  }

  /** Returns whether more of it is waited for. */
  #grow(socket: Socket, held: Held, bytes: number): boolean {
    if (this.#coming.get(socket) !== held) return false;
    held.bytes += bytes;
    this.#bytes += bytes;
    this.#sizes.set(held.request, held.bytes);
    if (this.#bytes > this.#total) this.#makeRoom(socket);
    if (held.bytes < this.#limit && this.#bytes <= this.#total) return true;
    this.#release(socket, held);
    // The handler may have begun to read meanwhile: to stop now would be to stop for ever.
    return held.request.readableLength < held.request.readableHighWaterMark;
  }

  /** Who has been sending for the longest is the slowest. */
  #makeRoom(newest: Socket): void {
    for (const socket of this.#coming.keys()) {
      if (socket === newest || this.#bytes <= this.#total) return;
      this.giveUp(socket);
    }
  }

  #release(socket: Socket, held: Held): void {
    // One that was dropped says nothing more.
    if (this.#coming.get(socket) !== held) return;
    const { request, ready } = held;
    this.#coming.delete(socket);
    // What lay on the prototype is there again.
    delete (request as Partial<IncomingMessage>).push;
    ready();
  }
}

/** RFC 9112, 6.3. The names are read as they came: to make the object of all headers would cost those that do without. */
export function hasBody({ rawHeaders }: IncomingMessage): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 14 && name.toLowerCase() === 'content-length') return rawHeaders[index + 1] !== '0';
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return true;
  }
  return false;
}
