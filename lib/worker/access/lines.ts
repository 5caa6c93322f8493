import { fstatSync, writeSync } from 'node:fs';
import { Line, MAX_LINE, NEW_LINE } from './line.js';

/** How many bytes of lines may wait, and from how many on they are written without waiting for more. */
const ROOM = 131_072;
const BATCH = 32_768;
/**
 * The header in front of the lines, in words: the length of the lines; their descriptor; whether the last thing written
 * to it may be a part of a line, because the disk was full; and how many lines were lost without a report.
 */
const HEAD = 16;
const LENGTH = 0;
const DESCRIPTOR = 1;
const TORN = 2;
const LOST = 3;

const NOBODY = 'nobody reads it, or not fast enough';

/**
 * Makes the memory for lines that wait. It is shared with another thread, which writes the lines if this one hangs or
 * dies.
 */
export function newLines(fd: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(HEAD + ROOM);
  new Int32Array(memory, 0, HEAD / 4)[DESCRIPTOR] = fd;
  return memory;
}

/**
 * Lines on their way to a descriptor. Writing never blocks. A file takes everything at once, and what one call appends
 * is in one piece. A pipe or a socket gets whole lines of at most {@link MAX_LINE} bytes together. The system takes
 * these whole or not at all, so no line is mixed with one of another process. Lines without room are lost, and counted.
 */
export class Lines {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #line: Line;
  #length: number;
  /** The descriptor for which `#isFile` is known. */
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

  /** The descriptor that the lines go to. Change it when nothing waits, or when waiting lines may go to the new one. */
  get fd(): number {
    return this.#words[DESCRIPTOR] as number;
  }

  set fd(fd: number) {
    this.#words[DESCRIPTOR] = fd;
    this.#words[TORN] = 0;
    this.#known = -1;
  }

  /** How many lines were lost without a report. It is in the shared memory, so it survives the death of the thread. */
  get lost(): number {
    return this.#words[LOST] as number;
  }

  set lost(lost: number) {
    this.#words[LOST] = lost;
  }

  /** Whether lines wait. */
  get waits(): boolean {
    return this.#length > 0;
  }

  /** Adds a line, written by `write`. Returns whether so much waits that it should be written now. */
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

  /** Writes the lines that wait. Returns whether none are left. */
  flush(): boolean {
    if (this.#length === 0) return true;
    const { fd } = this;
    let start = 0;
    try {
      if (fd !== this.#known) this.#look(fd);
      // The file may end with a part of a line. A new line first, so that the next line does not become a part of it.
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
        // This holds even if the file took nothing, or whole lines only: its end may be a part of another process's
        // line by now. At worst, this makes an empty line.
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

  /** Nobody will write the lines that wait: they are lost. */
  drop(): void {
    this.#count(0);
    this.#length = 0;
    this.#words[LENGTH] = 0;
  }

  #look(fd: number): void {
    this.#isFile = fstatSync(fd, { bigint: true }).isFile();
    this.#known = fd;
  }

  /** The offset up to which the next call writes, from `start`. */
  #end(start: number): number {
    if (this.#isFile || this.#length - start <= MAX_LINE) return this.#length;
    return this.#bytes.lastIndexOf(NEW_LINE, start + MAX_LINE - 1) + 1;
  }

  /** Counts the lines from this offset on as lost. */
  #count(start: number): void {
    for (let at = start; at < this.#length; at++) if (this.#bytes[at] === NEW_LINE) this.lost++;
  }
}
