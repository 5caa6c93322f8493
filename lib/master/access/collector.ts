import type { Readable, Writable } from 'node:stream';

/** How long the last lines may take at the stop, and how long a stream may fail with them that does not say when they are written. Milliseconds. */
const LAST = 1_000;
/** How long it may take to count, at the stop, what nobody has taken by then. Milliseconds. */
const LAST_COUNT = 100;
/** The pipes of so many workers that have ended wait for a stream that is full. Each is a descriptor, with 64 KiB in it and as much that has been read. */
const MOST_ENDED = 16;
/** How often it is told that lines are lost. Milliseconds. */
const QUIET = 60_000;
const NEW_LINE = 10;

/**
 * Passes on what workers write to their pipes, as whole lines, to one stream. While that takes no more, nothing is read: then the pipes are full, and the workers
 * drop and count. The stream need not be Node's: what rotates files often is an emitter with `write()` and `end()` alone.
 */
export class Collector {
  readonly #stream: Writable;
  readonly #pipes = new Set<Readable>();
  /** Those of them whose workers have ended, in that order; and those of which nothing is passed on any more, but counted. */
  readonly #ended = new Set<Readable>();
  readonly #dropped = new Set<Readable>();
  #lost = 0;
  #told = Number.NEGATIVE_INFINITY;
  /** Its last `write()` has returned `false`, and it has not drained. */
  #isFull = false;
  readonly #onDrain = (): void => {
    this.#isFull = false;
    for (const pipe of this.#pipes) pipe.resume();
  };
  readonly #onError: (error: Error) => void;
  readonly #onLost: (lines: number) => void;
  readonly #onClose = (): void => {
    for (const pipe of this.#pipes) pipe.destroy();
  };
  /** Writes of which the stream has not said that they are done. */
  #writing = 0;
  /** Behind the close, while a write may still fail. */
  #isGuarding = false;
  #emptied: (() => void) | undefined;
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return;
    this.#writing--;
    if (this.#writing === 0) this.#letGo();
  };

  /**
   * @param onError - the stream has failed: it gets nothing more.
   * @param onLost - so many lines of workers that have ended are lost, since the stream takes nothing.
   */
  constructor(stream: Writable, onError: (error: Error) => void, onLost: (lines: number) => void = () => undefined) {
    this.#stream = stream;
    this.#onLost = onLost;
    this.#onError = (error) => {
      onError(error);
      this.#onClose();
    };
    stream.on('drain', this.#onDrain).on('error', this.#onError).on('close', this.#onClose);
  }

  /** Returns what is to be called when its worker has ended. */
  add(pipe: Readable): () => void {
    let rest: Buffer | undefined;
    this.#pipes.add(pipe);
    pipe.on('error', () => undefined);
    pipe.on('close', () => {
      this.#pipes.delete(pipe);
      this.#ended.delete(pipe);
      if (this.#dropped.delete(pipe)) this.#tellLost(QUIET);
      if (this.#pipes.size === 0) this.#emptied?.();
    });
    // Node lets the pipes of a child that has ended flow, whoever has paused them.
    pipe.on('resume', () => {
      if (this.#isFull && !this.#dropped.has(pipe)) pipe.pause();
    });
    pipe.on('data', (chunk: Buffer) => {
      if (this.#dropped.has(pipe)) {
        for (const byte of chunk) if (byte === NEW_LINE) this.#lost++;
        return;
      }
      const end = chunk.lastIndexOf(NEW_LINE) + 1;
      const whole = end === chunk.length ? chunk : chunk.subarray(0, end);
      const text = rest === undefined ? whole : Buffer.concat([rest, whole]);
      if (end === 0) {
        rest = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
        return;
      }
      rest = end === chunk.length ? undefined : chunk.subarray(end);
      this.#write(text);
    });
    const { writable, writableNeedDrain = this.#isFull } = this.#stream as Partial<Writable>;
    if (writable === false) pipe.destroy();
    else if (writableNeedDrain) pipe.pause();
    return () => {
      if (!this.#pipes.has(pipe)) return;
      this.#ended.add(pipe);
      this.#limitEnded();
    };
  }

  /** Resolves when what has been written by workers that have ended is with the stream, or that takes nothing. */
  async close(): Promise<void> {
    await this.#allClosed(LAST);
    // All workers have ended: what they have written can be counted at least.
    for (const pipe of this.#pipes) this.#drop(pipe);
    await this.#allClosed(LAST_COUNT);
    this.#onClose();
    this.#tellLost(0);
    // What is under way may fail later, when nobody is told any more: that must not end the host, and what it does itself with the stream is its own business.
    this.#stream.on('error', ignore);
    this.#stream.off('drain', this.#onDrain).off('error', this.#onError).off('close', this.#onClose);
    this.#isGuarding = true;
    if (this.#writing === 0) this.#letGo();
    else if (!isOfNode(this.#stream)) setTimeout(() => this.#letGo(), LAST).unref();
  }

  /** Resolves when all pipes have been read to their ends, or so much later. */
  async #allClosed(limit: number): Promise<void> {
    if (this.#pipes.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limit);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Of workers that have ended, only so many pipes wait: of the oldest, nothing is passed on. */
  #limitEnded(): void {
    if (!this.#isFull) return;
    const most = MOST_ENDED + this.#dropped.size;
    let more = this.#ended.size - most;
    for (const pipe of this.#ended) {
      if (more <= 0) return;
      if (this.#dropped.has(pipe)) continue;
      this.#drop(pipe);
      more--;
    }
  }

  /** What still comes of it is lost, and counted. */
  #drop(pipe: Readable): void {
    this.#dropped.add(pipe);
    pipe.resume();
  }

  #tellLost(quiet: number): void {
    const now = performance.now();
    if (this.#lost === 0 || now - this.#told < quiet) return;
    this.#told = now;
    this.#onLost(this.#lost);
    this.#lost = 0;
  }

  #write(text: Buffer): void {
    this.#writing++;
    try {
      // One that returns nothing has taken it.
      if (this.#stream.write(text, this.#onWritten) !== false) return;
      this.#isFull = true;
      for (const each of this.#pipes) if (!this.#dropped.has(each)) each.pause();
      this.#limitEnded();
    } catch (error) {
      // One that is not Node's may throw where Node's emit. What it has taken of this is not known.
      this.#onError(error as Error);
    }
  }

  /** A stream of Node's of which a write has failed is never let go: it emits that error a moment later, and nobody can use it for anything else. */
  #letGo(): void {
    if (this.#isGuarding) this.#stream.off('error', ignore);
    this.#isGuarding = false;
  }
}

/** It says of each write when that is done. */
function isOfNode(stream: Writable): boolean {
  return typeof stream.writableLength === 'number';
}

function ignore(): void {}
