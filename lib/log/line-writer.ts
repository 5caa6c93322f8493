/** Takes what it can at once, and returns how many bytes that were. It never waits; it throws what the system says. */
export type Output = (bytes: Uint8Array) => number;

/** What is written when there is room again: so many lines were lost. */
export type LossText = (count: number) => string;

/** What may wait for a reader, in all. Bytes. */
const MAX_WAITING = 262_144;
/** Between two attempts, while something waits. Milliseconds. */
const PAUSE = 100;
/** How long a process that ends tries to get rid of what still waits, and between two attempts of that. Milliseconds. */
const LAST = 100;
const LAST_PAUSE = 5;

const NOTHING: Uint8Array = new Uint8Array();
const NEW_LINE = 10;
const END = Uint8Array.of(NEW_LINE);

/**
 * Writes whole lines somewhere, and does not care whether that works. A reader that is gone or stuck is no reason to throw, to wait, to use up
 * the memory or to stay alive: what finds no room is dropped, a line at a time, and counted. When there is room again, the count is
 * written where the lines are missing.
 */
export class LineWriter {
  readonly #output: Output;
  /** The rest of what has been begun comes first. */
  readonly #waiting: Uint8Array[] = [];
  #size = 0;
  #lost = 0;
  /** The last byte that was taken is within a line. */
  #isWithin = false;
  /** The rest of that line was lost, as on a disk that is full: no other one may become a part of it. */
  #isTorn = false;
  #lossText: LossText = () => '';
  #timer: NodeJS.Timeout | undefined;
  #leaves = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Writes a text of one or more lines that belong together, with its new line at the end. It never throws. */
  write(text: string, lossText: LossText): void {
    this.#lossText = lossText;
    if (this.#waiting.length > 0 && !this.#flush()) {
      this.#keep(Buffer.from(text));
      return;
    }
    // What is missing is told with what comes behind it: one call, since where there is no reader each one costs.
    const lost = this.#lost;
    this.#lost = 0;
    const rest = this.#put(Buffer.from(lost > 0 ? lossText(lost) + text : text));
    if (rest === undefined) this.#lost += lost + 1;
    else if (rest.length > 0) this.#keep(rest);
  }

  /** Returns whether nothing waits any more. */
  #flush(): boolean {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const rest = this.#put(next);
      if (rest === undefined) this.#lost++;
      else if (rest.length > 0) {
        this.#size -= next.length - rest.length;
        this.#waiting[0] = rest;
        return false;
      }
      this.#size -= next.length;
      this.#waiting.shift();
    }
    return true;
  }

  /** Returns what has found no room; undefined when the system does not take it, or not the rest of it. */
  #put(bytes: Uint8Array): Uint8Array | undefined {
    let rest = this.#isTorn ? Buffer.concat([END, bytes]) : bytes;
    this.#isTorn = false;
    try {
      while (rest.length > 0) {
        const taken = this.#output(rest);
        if (taken === 0) return rest;
        this.#isWithin = rest[taken - 1] !== NEW_LINE;
        rest = rest.subarray(taken);
      }
      return NOTHING;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') return rest;
      // Whoever reads a pipe later than that has seen nothing of it.
      if (code === 'EPIPE') this.#isWithin = false;
      this.#isTorn = this.#isWithin;
      return undefined;
    }
  }

  #keep(bytes: Uint8Array): void {
    // What has been begun is kept, however long it is: the half of a line would spoil the next.
    if (this.#waiting.length > 0 && this.#size + bytes.length > MAX_WAITING) {
      this.#lost++;
    } else {
      this.#waiting.push(bytes);
      this.#size += bytes.length;
    }
    this.#timer ??= setInterval(() => this.#tryAgain(), PAUSE).unref();
    if (this.#leaves) return;
    this.#leaves = true;
    process.on('exit', () => this.#leave());
  }

  #tryAgain(): void {
    if (!this.#flush()) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#tellLoss();
  }

  #tellLoss(): void {
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    const rest = this.#put(Buffer.from(this.#lossText(lost)));
    if (rest === undefined) this.#lost = lost;
    else if (rest.length > 0) this.#keep(rest);
  }

  /** A reader that is only slow gets the rest; for one that is stuck, nobody waits. */
  #leave(): void {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; !this.#flush(); waited += LAST_PAUSE) {
      if (waited >= LAST) return;
      Atomics.wait(pause, 0, 0, LAST_PAUSE);
    }
    this.#tellLoss();
  }
}
