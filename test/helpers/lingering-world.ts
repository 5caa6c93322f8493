import { EventEmitter } from 'node:events';

/**
 * The time between two looks of the lingering close (which reads on after the answer, before it closes). Milliseconds.
 */
export const TICK = 250;

/** A world in which time, timers and turns of the event loop move only when the test says so. */
export class StoppedWorld {
  now = 1_000;
  interval: (() => void) | undefined;
  /** Called before and after each look. */
  before: () => void = () => undefined;
  after: () => void = () => undefined;
  /** What happens in the first phase of a turn, the poll. */
  poll: () => void = () => undefined;
  #next = 0;
  #immediates: (() => void)[] = [];
  #ticks: (() => void)[] = [];
  readonly #real = [
    globalThis.setInterval,
    globalThis.clearInterval,
    globalThis.setImmediate,
    process.nextTick,
  ] as const;

  constructor() {
    const timer = { unref: () => timer };
    const setInterval = (act: () => void): unknown => {
      this.interval = act;
      this.#next = this.now + TICK;
      return timer;
    };
    const clearInterval = (): void => {
      this.interval = undefined;
    };
    Object.assign(globalThis, {
      setInterval,
      clearInterval,
      setImmediate: (act: () => void) => this.#immediates.push(act),
    });
    process.nextTick = (act: (...args: unknown[]) => void, ...args: unknown[]) => this.#ticks.push(() => act(...args));
    Object.defineProperty(performance, 'now', { value: () => this.now, configurable: true });
  }

  restore(): void {
    const [setInterval, clearInterval, setImmediate, nextTick] = this.#real;
    Object.assign(globalThis, { setInterval, clearInterval, setImmediate });
    process.nextTick = nextTick;
    delete (performance as { now?: unknown }).now;
  }

  turn(): void {
    this.poll();
    for (const act of this.#ticks.splice(0)) act();
    for (const act of this.#immediates.splice(0)) act();
  }

  pass(ms: number): void {
    const end = this.now + ms;
    while (this.interval !== undefined && this.#next <= end) {
      this.now = this.#next;
      this.#next += TICK;
      this.before();
      this.interval();
      this.after();
      this.turn();
    }
    this.now = end;
  }
}

/** A stand-in for a socket of Node, together with its client and the handler of its request. */
export class Connection extends EventEmitter {
  readonly incoming: { complete: boolean; readableFlowing: boolean; listenerCount: () => number };
  readonly parser: { incoming: unknown; onIncoming: () => number };
  readonly server = new EventEmitter();
  bytesRead = 0;
  destroyed = false;
  writableEnded = false;
  writableFinished = false;
  readableEnded = false;
  released = 0;
  /** How many bytes have come that have not been read. */
  #unread = 0;
  #isPaused = false;
  #isDropped = false;
  #finished = false;
  /**
   * `closing`: the server has begun to close. `closedAt`: when the connection was closed. `left`: the client has gone
   * first.
   */
  closing = false;
  /** How many bytes had been read at the last look. */
  seen = 0;
  hasLingered = false;
  closedAt: number | undefined;
  left = false;
  /** Whether the client sends a byte again and again. */
  isSending = false;
  /** How many bytes had been read when the answer came, if the answer took its time. */
  readBefore = Number.POSITIVE_INFINITY;
  takenAt = Number.POSITIVE_INFINITY;
  lastRead: number;
  readonly #world: StoppedWorld;
  readonly #start: number;

  constructor(world: StoppedWorld, complete: boolean) {
    super();
    this.#world = world;
    this.lastRead = world.now;
    this.#start = world.now;
    this.incoming = { complete, readableFlowing: !complete, listenerCount: () => 0 };
    this.parser = { incoming: this.incoming, onIncoming: () => 0 };
    this.on('data', () => undefined);
  }

  // The methods of a socket that the code under test calls.

  setTimeout(): void {}
  _read(): void {}
  isPaused(): boolean {
    return this.#isPaused;
  }
  resume(): this {
    this.#isDropped = true;
    this.#isPaused = false;
    this.#flow();
    return this;
  }
  end(): void {
    this.writableEnded = true;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.closedAt = this.#world.now;
    process.nextTick(() => this.emit('close'));
  }

  // What the test lets happen to the connection.

  /** The handler stops reading; without effect once the server reads by itself. */
  pause(): void {
    if (this.#isDropped) return;
    this.#isPaused = true;
    this.incoming.readableFlowing = false;
  }
  /** The client sends bytes. */
  send(bytes: number): void {
    if (this.#finished || this.destroyed) return;
    this.#unread += bytes;
    this.#flow();
  }
  finish(): void {
    this.#finished = true;
    this.#flow();
  }
  leave(): void {
    this.left = true;
    this.destroy();
  }
  stream(): void {
    this.isSending = true;
  }
  /** The client has taken the whole answer. */
  take(): void {
    if (!this.writableEnded || this.writableFinished || this.destroyed) return;
    this.writableFinished = true;
    this.takenAt = this.#world.now;
    this.emit('finish');
  }
  /** The answer ends, and Node ends the connection. */
  answer(): void {
    if (this.closing || this.destroyed) return;
    this.closing = true;
    if (this.#world.now - this.#start >= 1) this.readBefore = this.bytesRead;
    (this as unknown as { destroySoon(): void }).destroySoon();
  }

  #flow(): void {
    if (this.#isPaused || this.destroyed) return;
    if (this.#unread > 0) this.lastRead = this.#world.now;
    this.bytesRead += this.#unread;
    this.#unread = 0;
    if (!this.#finished || this.readableEnded) return;
    this.readableEnded = true;
    this.emit('end');
  }
}
