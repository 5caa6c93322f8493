import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './place.js';

const NON_BLOCKING = constants.O_NONBLOCK;

/** A pipe, as a shell makes one between two programs. The test has its reading end. */
export class LogPipe {
  readonly path: string;
  /** The descriptor for the program that writes. */
  readonly end: number;
  #reader: number | undefined;
  #text = '';

  constructor(t: TestContext) {
    this.path = join(temporaryFolder(t), 'pipe');
    execFileSync('mkfifo', [this.path]);
    this.#reader = this.#open();
    this.end = openSync(this.path, 'w');
    t.after(() => {
      this.leave();
      closeSync(this.end);
    });
  }

  /** Reads what has come; returns all that has been read so far. */
  get text(): string {
    for (const bytes = Buffer.alloc(65_536); this.#reader !== undefined; ) {
      const length = wouldBlock(() => readSync(this.#reader as number, bytes)) ?? 0;
      if (length === 0) break;
      this.#text += bytes.toString('utf8', 0, length);
    }
    return this.#text;
  }

  /** Fills the pipe, so that nothing more fits. The filler ends with the end of a line. */
  fill(): void {
    const end = openSync(this.path, constants.O_WRONLY | NON_BLOCKING);
    const filler = Buffer.alloc(1_000, '.');
    filler[999] = 10;
    while (wouldBlock(() => writeSync(end, filler)) !== undefined);
    closeSync(end);
  }

  /** Closes the reading end. */
  leave(): void {
    if (this.#reader !== undefined) closeSync(this.#reader);
    this.#reader = undefined;
  }

  /** Opens the reading end again. */
  comeBack(): void {
    this.#reader = this.#open();
  }

  #open(): number {
    return openSync(this.path, constants.O_RDONLY | NON_BLOCKING);
  }
}

/** The result of a call; undefined if it would have had to wait. */
function wouldBlock<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}
