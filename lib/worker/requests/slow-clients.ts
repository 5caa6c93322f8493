import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { streamOf } from '../connections/connection.js';
import { LOOP_TIME, type LoopTime } from '../vitals/loop-time.js';

/**
 * For how long a place waits for its client, milliseconds. It waits longer while the client moves bytes: as long as
 * they take at this rate, in bytes per second.
 */
const PATIENCE = 5_000;
const RATE = 64 * 1024;
/** The longest time between two looks at the answers. Milliseconds. */
const LOOK = 500;
/** How much memory all answers that are sent without a place may hold. Bytes. */
const SENDING = 64 * 1024 * 1024;
/**
 * When that memory is used up, the answers go whose clients took them more slowly than at the rate above. The event
 * loop must have been idle for this long since the answer began to be sent, which is longer than the way to any client
 * and back. Milliseconds.
 */
const PROVEN = 300;
/** How often an answer that keeps its place for want of memory is tried again. Milliseconds. */
const AGAIN = 5;
/**
 * A client that has taken nothing of an answer that is sent without a place for this long is given up. nginx:
 * `send_timeout`. Milliseconds.
 */
const STALLED = 60_000;

/** An answer whose client is waited for. */
interface Slow {
  readonly socket: Socket;
  /** How long the client has been waited for, milliseconds. */
  waited: number;
  /** How many bytes had passed through the connection when the wait began. */
  readonly from: number;
  /** How many bytes had passed at the last look, and for how long none have passed since. */
  moved: number;
  still: number;
  /**
   * How long the event loop had been idle when the wait began, milliseconds. A busy loop writes nothing, so `#isSlow`
   * counts idle time only.
   */
  readonly idle: number;
}

export interface SlowClientsOptions {
  /** The requests that have a place, with their connections. */
  readonly placed: () => Iterable<readonly [ServerResponse, Socket]>;
  /** A request that has a place was held up by its client for so many milliseconds. */
  readonly onWait: (duration: number) => void;
  /** An answer that had ended can go on without its place now. */
  readonly onRoom: (response: ServerResponse) => void;
  /** The client is too slow: it has been waited for, or has taken nothing, for `waited` milliseconds. */
  readonly onSlow: (response: ServerResponse, waited: number) => void;
}

/**
 * The clock of the clients. A place waits for its client for a limited time, and the request is not blamed for that
 * time. This class also keeps the answers that are sent without a place while the next request runs, as long as there
 * is memory for them.
 */
export class SlowClients {
  readonly #options: SlowClientsOptions;
  /** Answers with a place. */
  #waiting = new Map<ServerResponse, Slow>();
  /** Answers without a place, oldest first. */
  readonly #sending = new Map<ServerResponse, Slow>();
  readonly #timer: NodeJS.Timeout;
  readonly #time: LoopTime;
  #again: NodeJS.Timeout | undefined;
  #lookedAt = performance.now();

  /** @param timeout - that of a request, milliseconds: a short one makes the looks more frequent. 0 = none. */
  constructor(timeout: number, options: SlowClientsOptions, time: LoopTime = LOOP_TIME) {
    this.#options = options;
    this.#time = time;
    const interval = timeout > 0 ? Math.max(20, Math.min(LOOK, timeout / 4)) : LOOK;
    this.#timer = setInterval(() => this.#look(), interval).unref();
  }

  /** Whether an answer that has ended is sent without its place from now on. */
  send(response: ServerResponse, socket: Socket): boolean {
    if (this.#sending.has(response)) return true;
    const own = streamOf(socket).writableLength;
    if (this.#held() + own > SENDING) this.#makeRoom(own);
    if (this.#held() + own > SENDING) {
      this.#again ??= setTimeout(() => this.#sendPlaced(), AGAIN).unref();
      return false;
    }
    this.#sending.set(response, slow(socket, this.#time));
    return true;
  }

  /** The answer has come to its end. */
  end(response: ServerResponse): void {
    if (this.#sending.size > 0) this.#sending.delete(response);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#again);
  }

  /** Tries again to send, without their places, the answers that have ended and waited for memory. */
  #sendPlaced(): void {
    this.#again = undefined;
    for (const [response, socket] of [...this.#options.placed()]) {
      if (response.writableEnded && this.send(response, socket)) this.#options.onRoom(response);
    }
  }

  #look(): void {
    const now = performance.now();
    // A process that was stopped, or got no CPU, has not waited for its client.
    const elapsed = Math.min(now - this.#lookedAt, 2 * LOOK);
    this.#lookedAt = now;
    const before = this.#waiting;
    this.#waiting = new Map();
    for (const [response, socket] of [...this.#options.placed()]) {
      if (response.writableEnded && this.send(response, socket)) this.#options.onRoom(response);
      else if (isWaiting(response, socket)) this.#wait(response, before.get(response), socket, elapsed);
    }
    for (const [response, one] of this.#sending) {
      watch(one, elapsed);
      if (one.still >= STALLED) this.#options.onSlow(response, one.still);
    }
  }

  #wait(response: ServerResponse, one: Slow | undefined, socket: Socket, elapsed: number): void {
    if (one === undefined) {
      this.#waiting.set(response, slow(socket, this.#time));
      return;
    }
    watch(one, elapsed);
    this.#options.onWait(elapsed);
    if (isOver(one)) this.#options.onSlow(response, one.waited);
    else this.#waiting.set(response, one);
  }

  #held(): number {
    let sum = 0;
    for (const { socket } of this.#sending.values()) sum += streamOf(socket).writableLength;
    return sum;
  }

  /**
   * Gives up answers until there is room: first those that have used up their time, oldest first. If that is not
   * enough, and the new answer is not too long by itself, the slow ones go too.
   */
  #makeRoom(bytes: number): void {
    for (const any of [false, true]) {
      for (const [response, one] of this.#sending) {
        if (!(isOver(one) || (any && bytes <= SENDING && this.#isSlow(one)))) continue;
        this.#sending.delete(response);
        this.#options.onSlow(response, one.waited);
        if (this.#held() + bytes <= SENDING) return;
      }
    }
  }

  #isSlow({ socket, from, idle }: Slow): boolean {
    const waited = this.#time.idle() - idle;
    return waited >= PROVEN && passed(socket) - from < (waited / 1_000) * RATE;
  }
}

function slow(socket: Socket, time: LoopTime): Slow {
  const from = passed(socket);
  return { socket, waited: 0, from, moved: from, still: 0, idle: time.idle() };
}

function watch(one: Slow, elapsed: number): void {
  const moved = passed(one.socket);
  one.waited += elapsed;
  one.still = moved === one.moved ? one.still + elapsed : 0;
  one.moved = moved;
}

function isOver({ waited, moved, from }: Slow): boolean {
  return waited > PATIENCE + ((moved - from) / RATE) * 1_000;
}

/** Whether the request can only go on when its client has sent or taken something. */
function isWaiting(response: ServerResponse, socket: Socket): boolean {
  const { req } = response;
  if (response.writableEnded || response.writableNeedDrain) return streamOf(socket).writableLength > 0;
  return (
    !req.complete && req.readableLength === 0 && (req.readableFlowing === true || req.listenerCount('readable') > 0)
  );
}

/** How many bytes the client has sent and taken. What libuv still has to write has not reached the client. */
function passed(socket: Socket): number {
  const handle = (
    socket as { _handle?: Partial<Record<'bytesRead' | 'bytesWritten' | 'writeQueueSize', number>> | null }
  )._handle;
  return (handle?.bytesRead ?? 0) + (handle?.bytesWritten ?? 0) - (handle?.writeQueueSize ?? 0);
}
