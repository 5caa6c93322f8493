import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** How many bodies of the largest size are held at once, in bytes taken together. */
const BODIES = 64;

/** What happens to a request whose body is waited for: one of these is called, once. */
export interface Outcome {
  readonly ready: () => void;
  /** There is no memory left for all bodies that are waited for, and this one has been coming for the longest time. */
  readonly giveUp: () => void;
}

interface Held extends Outcome {
  readonly request: IncomingMessage;
  bytes: number;
}

/**
 * Waits for the bodies of requests, so that a client that sends slowly does not hold a place. A request goes on when
 * its body is complete, or when as much of it has come as is waited for.
 *
 * The data stays where Node puts it, in the buffer of the request. Node is only told to go on reading. So the handler
 * finds the body as it always would, and the rest of a longer body comes as fast as the handler reads it.
 */
export class Intake {
  readonly #limit: number;
  readonly #total: number;
  /**
   * Requests whose bodies are still coming, the longest-running first. A parser reads one request of a connection at a
   * time.
   */
  readonly #coming = new Map<Socket, Held>();
  /** How many bytes are held for each request that has not begun. */
  readonly #sizes = new Map<IncomingMessage, number>();
  #bytes = 0;

  /** @param limit - how many bytes of a body are waited for; 0 = none. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#total = limit * BODIES;
  }

  /** Whether the body of the request is to be waited for. */
  wants(request: IncomingMessage): boolean {
    return this.#limit > 0 && hasBody(request);
  }

  /** Calls back when the request may go on. {@link Intake.release} must follow. */
  receive(request: IncomingMessage, socket: Socket, outcome: Outcome): void {
    const held: Held = { ...outcome, request, bytes: 0 };
    this.#coming.set(socket, held);
    this.#sizes.set(request, 0);
    const { push } = request;
    // Node's parser hands the body over through `push`, and stops reading when that returns false.
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      const more = push.call(request, chunk, encoding);
      if (chunk === null) this.#release(socket, held);
      return chunk === null ? more : this.#grow(socket, held, chunk.length);
    };
  }

  /** The request begins, or never will: its bytes no longer count here. */
  release(request: IncomingMessage): void {
    if (this.#sizes.size === 0) return;
    const bytes = this.#sizes.get(request);
    if (bytes === undefined) return;
    this.#sizes.delete(request);
    this.#bytes -= bytes;
  }

  /** The connection has closed. Returns the request whose body was coming, if any: it will not go on. */
  drop(socket: Socket): IncomingMessage | undefined {
    if (this.#coming.size === 0) return undefined;
    const held = this.#coming.get(socket);
    if (held === undefined) return undefined;
    this.#coming.delete(socket);
    delete (held.request as Partial<IncomingMessage>).push;
    this.release(held.request);
    return held.request;
  }

  /** The connection must go, to make room. Returns whether the body of a request was coming on it. */
  giveUp(socket: Socket): boolean {
    const held = this.#coming.get(socket);
    if (held === undefined) return false;
    this.drop(socket);
    held.giveUp();
    return true;
  }

  /** Counts what has come. Returns whether the parser is to go on reading. */
  #grow(socket: Socket, held: Held, bytes: number): boolean {
    if (this.#coming.get(socket) !== held) return false;
    held.bytes += bytes;
    this.#bytes += bytes;
    this.#sizes.set(held.request, held.bytes);
    if (this.#bytes > this.#total) this.#makeRoom(socket);
    if (held.bytes < this.#limit && this.#bytes <= this.#total) return true;
    this.#release(socket, held);
    // The handler may have begun to read within this call. To return false now would stop the parser for ever.
    return held.request.readableLength < held.request.readableHighWaterMark;
  }

  /** Gives up the requests that have been sending for the longest time, until there is room: they are the slowest. */
  #makeRoom(newest: Socket): void {
    for (const socket of this.#coming.keys()) {
      if (socket === newest || this.#bytes <= this.#total) return;
      this.giveUp(socket);
    }
  }

  #release(socket: Socket, held: Held): void {
    // A request that was dropped has nothing more to report.
    if (this.#coming.get(socket) !== held) return;
    const { request, ready } = held;
    this.#coming.delete(socket);
    // Uncovers the method of the prototype again.
    delete (request as Partial<IncomingMessage>).push;
    ready();
  }
}

/**
 * RFC 9112, 6.3. Reads the raw names: to build the object of all headers would be a cost for requests without a body.
 */
export function hasBody({ rawHeaders }: IncomingMessage): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 14 && name.toLowerCase() === 'content-length') return rawHeaders[index + 1] !== '0';
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return true;
  }
  return false;
}
