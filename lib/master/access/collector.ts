import type { Readable, Writable } from 'node:stream';

/**
 * How long the last lines may take at the stop. Also for how long a late error is ignored, for a stream that does not
 * say when its writes are done. Milliseconds.
 */
const LAST = 1_000;
/** How long it may take, at the stop, to count the lines that nobody has taken by then. Milliseconds. */
const LAST_COUNT = 100;
/**
 * How many pipes of ended workers wait for a stream that is full. Each is a descriptor, with 64 KiB in it and as much
 * that has been read.
 */
const MOST_ENDED = 16;
/** How often lost lines are reported at most. Milliseconds. */
const QUIET = 60_000;
const NEW_LINE = 10;

/**
 * Passes on what workers write to their pipes, as whole lines, to one stream. While the stream takes no more, nothing
 * is read from the pipes. Then the pipes fill up, and the workers drop lines and count them. The stream need not be
 * Node's: streams that rotate files often are emitters with only `write()` and `end()`.
 */
export class Collector {
  readonly #stream: Writable;
  readonly #pipes = new Set<Readable>();
  /**
   * The pipes whose workers have ended, in the order of their ends; and those whose lines are only counted, and not
   * passed on any more.
   */
  readonly #ended = new Set<Readable>();
  readonly #dropped = new Set<Readable>();
  #lost = 0;
  #told = Number.NEGATIVE_INFINITY;
  /** Whether the last `write()` has returned `false`, and the stream has not drained since. */
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
  /** How many writes the stream has not reported as done. */
  #writing = 0;
  /** Whether errors of the stream are ignored: after the close, while a write may still fail. */
  #isGuarding = false;
  #emptied: (() => void) | undefined;
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return;
    this.#writing--;
    if (this.#writing === 0) this.#letGo();
  };

  /**
   * @param onError - called when the stream has failed: it gets nothing more.
   * @param onLost - called with the number of lines of ended workers that are lost, since the stream takes nothing.
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

  /** Reads the pipe of a worker. Returns a function to call when the worker has ended. */
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
    // When a child has ended, Node makes its pipes flow, though they have been paused.
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

  /**
   * To be called when all workers have ended. Resolves when what they have written is with the stream, or the stream
   * takes nothing.
   */
  async close(): Promise<void> {
    await this.#allClosed(LAST);
    // All workers have ended, so what they have written can at least be counted.
    for (const pipe of this.#pipes) this.#drop(pipe);
    await this.#allClosed(LAST_COUNT);
    this.#onClose();
    this.#tellLost(0);
    // A write that is under way may fail later, when no error is reported any more. That must not end the host, so
    // errors are ignored until then. What the host itself does with the stream is its own business.
    this.#stream.on('error', ignore);
    this.#stream.off('drain', this.#onDrain).off('error', this.#onError).off('close', this.#onClose);
    this.#isGuarding = true;
    if (this.#writing === 0) this.#letGo();
    else if (!isOfNode(this.#stream)) setTimeout(() => this.#letGo(), LAST).unref();
  }

  /** Resolves when all pipes have been read to their ends, or after `limit` milliseconds. */
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

  /** Only so many pipes of ended workers wait. If there are more, nothing is passed on from the oldest. */
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

  /** What still comes from the pipe is lost, and counted. */
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
      // A stream that returns nothing has taken the text.
      if (this.#stream.write(text, this.#onWritten) !== false) return;
      this.#isFull = true;
      for (const each of this.#pipes) if (!this.#dropped.has(each)) each.pause();
      this.#limitEnded();
    } catch (error) {
      // A stream that is not Node's may throw where Node's emit an error. How much of the text it has taken is not
      // known.
      this.#onError(error as Error);
    }
  }

  /**
   * Ends ignoring errors. This never happens for a stream of Node's on which a write has failed: it emits that error a
   * moment later, and nobody can use it for anything else.
   */
  #letGo(): void {
    if (this.#isGuarding) this.#stream.off('error', ignore);
    this.#isGuarding = false;
  }
}

/** Whether the stream reports of each write when it is done. */
function isOfNode(stream: Writable): boolean {
  return typeof stream.writableLength === 'number';
}

function ignore(): void {}
