import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { streamOf } from '../connections/connection.js';
import { LOOP_TIME, type LoopTime } from '../vitals/loop-time.js';

/** So long a place waits for its client, milliseconds, and as much longer as the client moves bytes at this rate, per second. */
const PATIENCE = 5_000;
const RATE = 64 * 1024;
/** Between two looks. Milliseconds. */
const LOOK = 500;
/** Answers that are sent without a place hold so much memory, bytes. */
const SENDING = 64 * 1024 * 1024;
/**
 * When that is not enough, those go that were taken more slowly than at the rate above. So long an event loop that has nothing to do must have
 * waited for them: longer than the way to any client and back. Milliseconds.
 */
const PROVEN = 300;
/** How often it is looked whether there is memory again for an answer that waits for it with its place. Milliseconds. */
const AGAIN = 5;
/** A client that has taken nothing of such an answer for so long is given up. nginx: `send_timeout`. Milliseconds. */
const STALLED = 60_000;

/** An answer whose client is waited for. */
interface Slow {
  readonly socket: Socket;
  /** How long it has been waited for, milliseconds. */
  waited: number;
  /** What had passed through the connection when the wait began. */
  readonly from: number;
  /** What had passed by the last look, and how long nothing has since. */
  moved: number;
  still: number;
  /** How long the event loop had been idle when it began, milliseconds: a loop that is busy writes nothing. */
  readonly idle: number;
}

export interface SlowClientsOptions {
  /** The answers that have a place, with their connections. */
  readonly placed: () => Iterable<readonly [ServerResponse, Socket]>;
  /** So many milliseconds of a request that has a place were its client's. */
  readonly onWait: (duration: number) => void;
  /** An answer that had ended can go on without its place now. */
  readonly onRoom: (response: ServerResponse) => void;
  /** The client is too slow; `waited` milliseconds. */
  readonly onSlow: (response: ServerResponse, waited: number) => void;
}

/**
 * The clock of clients: a place that waits for one waits for a while only, and no request is blamed for it. And the answers that are
 * sent beside the next request, as long as there is memory for them.
 */
export class SlowClients {
  readonly #options: SlowClientsOptions;
  /** With a place. */
  #waiting = new Map<ServerResponse, Slow>();
  /** Without one, oldest first. */
  readonly #sending = new Map<ServerResponse, Slow>();
  readonly #timer: NodeJS.Timeout;
  readonly #time: LoopTime;
  #again: NodeJS.Timeout | undefined;
  #lookedAt = performance.now();

  /** @param timeout - of a request, milliseconds: the looks are as much finer. 0 = none. */
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

  /** Those that have ended, and waited for memory. */
  #sendPlaced(): void {
    this.#again = undefined;
    for (const [response, socket] of [...this.#options.placed()]) {
      if (response.writableEnded && this.send(response, socket)) this.#options.onRoom(response);
    }
  }

  #look(): void {
    const now = performance.now();
    // A process that was stopped or had no CPU has not waited for its client.
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

  /** Those that had their time must go, the oldest first; for an answer that is not too long by itself, also those that are slow. */
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

/** What the client has sent and taken, bytes: what libuv still has to write is not with it. */
function passed(socket: Socket): number {
  const handle = (
    socket as { _handle?: Partial<Record<'bytesRead' | 'bytesWritten' | 'writeQueueSize', number>> | null }
  )._handle;
  return (handle?.bytesRead ?? 0) + (handle?.bytesWritten ?? 0) - (handle?.writeQueueSize ?? 0);
}
