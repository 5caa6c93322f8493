import { fstatSync, writeSync } from 'node:fs';
import { Line, MAX_LINE, NEW_LINE } from './line.js';

/** How much may wait to be written, and how much is written without waiting for more. Bytes. */
const ROOM = 131_072;
const BATCH = 32_768;
/**
 * In front of the lines: how long they are, the descriptor that they are for, whether the last thing written to that may be a part of a line, because the disk is full, and how many
 * lines are lost and have not been told of.
 */
const HEAD = 16;
const LENGTH = 0;
const DESCRIPTOR = 1;
const TORN = 2;
const LOST = 3;

const NOBODY = 'nobody reads it, or not fast enough';

/** Memory for lines that wait, where another thread finds them: if this one hangs or dies, that one writes them. */
export function newLines(fd: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(HEAD + ROOM);
  new Int32Array(memory, 0, HEAD / 4)[DESCRIPTOR] = fd;
  return memory;
}

/**
 * Lines on their way to a descriptor. It never waits. A file takes all at once, and what is appended by one call is in one piece. A pipe or a socket gets whole lines that
 * are no more than {@link MAX_LINE} together, which the system takes whole or not at all, so that no line is mixed with another process's. What finds no room is counted.
 */
export class Lines {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #line: Line;
  #length: number;
  /** Whose kind is known. */
  #known = -1;
  #isFile = false;
  /** Why lines are lost. */
  why: string = NOBODY;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEAD / 4);
    this.#bytes = Buffer.from(memory, HEAD);
    this.#line = new Line(new Uint8Array(memory, HEAD));
    this.#length = this.#words[LENGTH] as number;
  }

  /** Where they go. To be changed when nothing waits, or what waits may go there too. */
  get fd(): number {
    return this.#words[DESCRIPTOR] as number;
  }

  set fd(fd: number) {
    this.#words[DESCRIPTOR] = fd;
    this.#words[TORN] = 0;
    this.#known = -1;
  }

  /** So many lines are lost, and nobody has been told: who comes after a thread that dies finds this too. */
  get lost(): number {
    return this.#words[LOST] as number;
  }

  set lost(lost: number) {
    this.#words[LOST] = lost;
  }

  /** Whether something waits. */
  get waits(): boolean {
    return this.#length > 0;
  }

  /** Takes a line: `write` says it. Returns whether there is so much that it should be written now. */
  add<Subject>(write: (subject: Subject, line: Line) => unknown, subject: Subject): boolean {
    if (this.#length + MAX_LINE > ROOM) {
      this.lost++;
      return false;
    }
    const line = this.#line;
    line.begin(this.#length);
    write(subject, line);
    this.#length = line.end();
    this.#words[LENGTH] = this.#length;
    return this.#length >= BATCH;
  }

  /** Writes what waits. Returns whether nothing does any more. */
  flush(): boolean {
    if (this.#length === 0) return true;
    const { fd } = this;
    let start = 0;
    try {
      if (fd !== this.#known) this.#look(fd);
      // The rest of a line stands there: no other one may become a part of it.
      if (this.#words[TORN] === 1 && writeSync(fd, '\n') === 1) this.#words[TORN] = 0;
      while (start < this.#length) {
        const count = writeSync(fd, this.#bytes, start, this.#end(start) - start);
        if (count === 0) break;
        start += count;
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      this.why = code === 'EAGAIN' ? NOBODY : message;
      if (code !== 'EAGAIN') {
        // Also where it has taken nothing of these, or whole lines: what stands at the end by now may be a part of another process's. At worst a line is empty.
        if (this.#isFile) this.#words[TORN] = 1;
        this.#count(start);
        start = this.#length;
      }
    }
    this.#length -= start;
    if (this.#length > 0 && start > 0) this.#bytes.copyWithin(0, start, start + this.#length);
    this.#words[LENGTH] = this.#length;
    return this.#length === 0;
  }

  /** Nobody will write what waits: it is lost. */
  drop(): void {
    this.#count(0);
    this.#length = 0;
    this.#words[LENGTH] = 0;
  }

  #look(fd: number): void {
    this.#isFile = fstatSync(fd, { bigint: true }).isFile();
    this.#known = fd;
  }

  /** How far to write from there. */
  #end(start: number): number {
    if (this.#isFile || this.#length - start <= MAX_LINE) return this.#length;
    return this.#bytes.lastIndexOf(NEW_LINE, start + MAX_LINE - 1) + 1;
  }

  /** What waits from there on is lost. */
  #count(start: number): void {
    for (let at = start; at < this.#length; at++) if (this.#bytes[at] === NEW_LINE) this.lost++;
  }
}
