import type { Readable, Writable } from 'node:stream';

/** How long the last lines may take at the stop, and how long a stream may fail with them that does not say when they are written. Milliseconds. */
const LAST = 1_000;
const NEW_LINE = 10;

/**
 * Passes on what workers write to their pipes, as whole lines, to one stream. While that takes no more, nothing is read: then the pipes are full, and the workers
 * drop and count. The stream need not be Node's: what rotates files often is an emitter with `write()` and `end()` alone.
 */
export class Collector {
  readonly #stream: Writable;
  readonly #pipes = new Set<Readable>();
  /** Its last `write()` has returned `false`, and it has not drained. */
  #isFull = false;
  readonly #onDrain = (): void => {
    this.#isFull = false;
    for (const pipe of this.#pipes) pipe.resume();
  };
  readonly #onError: (error: Error) => void;
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

  /** @param onError - the stream has failed: it gets nothing more. */
  constructor(stream: Writable, onError: (error: Error) => void) {
    this.#stream = stream;
    this.#onError = (error) => {
      onError(error);
      this.#onClose();
    };
    stream.on('drain', this.#onDrain).on('error', this.#onError).on('close', this.#onClose);
  }

  add(pipe: Readable): void {
    let rest: Buffer | undefined;
    this.#pipes.add(pipe);
    pipe.on('error', () => undefined);
    pipe.on('close', () => {
      this.#pipes.delete(pipe);
      if (this.#pipes.size === 0) this.#emptied?.();
    });
    pipe.on('data', (chunk: Buffer) => {
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
  }

  /** Resolves when what has been written by workers that have ended is with the stream, or that takes nothing. */
  async close(): Promise<void> {
    if (this.#pipes.size > 0) {
      await new Promise<void>((resolve) => {
        const limit = setTimeout(resolve, LAST);
        this.#emptied = () => {
          clearTimeout(limit);
          resolve();
        };
      });
    }
    this.#onClose();
    // What is under way may fail later, when nobody is told any more: that must not end the host, and what it does itself with the stream is its own business.
    this.#stream.on('error', ignore);
    this.#stream.off('drain', this.#onDrain).off('error', this.#onError).off('close', this.#onClose);
    this.#isGuarding = true;
    if (this.#writing === 0) this.#letGo();
    else if (!isOfNode(this.#stream)) setTimeout(() => this.#letGo(), LAST).unref();
  }

  #write(text: Buffer): void {
    this.#writing++;
    try {
      // One that returns nothing has taken it.
      if (this.#stream.write(text, this.#onWritten) !== false) return;
      this.#isFull = true;
      for (const each of this.#pipes) each.pause();
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
