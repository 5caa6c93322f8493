/**
 * Writes as many bytes as the system takes at once, and returns their number. It never waits; it throws the system's
 * errors.
 */
export type Output = (bytes: Uint8Array) => number;

/** Makes the text that is written when there is room again. `count`: how many texts, one per write(), were lost. */
export type LossText = (count: number) => string;

/** How much may wait for a reader in all. Bytes. */
const MAX_WAITING = 262_144;
/** The pause between two attempts while something waits. Milliseconds. */
const PAUSE = 100;
/** How long a process that exits tries to write what still waits, and its pause between two attempts. Milliseconds. */
const LAST = 100;
const LAST_PAUSE = 5;

const NOTHING: Uint8Array = new Uint8Array();
const NEW_LINE = 10;
const END = Uint8Array.of(NEW_LINE);

/**
 * Writes whole lines to an output that may fail. If the reader is gone or stuck, the writer does not throw, wait, use
 * up the memory or keep the process alive. Instead, it drops each text for which there is no room, and counts it. When
 * there is room again, it writes the count where the lines are missing.
 */
export class LineWriter {
  readonly #output: Output;
  /** The texts that wait. The first may be the rest of one that is partly written. */
  readonly #waiting: Uint8Array[] = [];
  #size = 0;
  #lost = 0;
  /** Whether the last byte that was written is within a line. */
  #isWithin = false;
  /** Whether the rest of that line was lost, as on a full disk: then a line end must come before the next text. */
  #isTorn = false;
  #lossText: LossText = () => '';
  #timer: NodeJS.Timeout | undefined;
  #leaves = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Writes one or more lines that belong together, with a new line at the end. It never throws. */
  write(text: string, lossText: LossText): void {
    this.#lossText = lossText;
    if (this.#waiting.length > 0 && !this.#flush()) {
      this.#keep(Buffer.from(text));
      return;
    }
    // The loss and the next text are written in one call, since each call costs time even if there is no reader.
    const lost = this.#lost;
    this.#lost = 0;
    const rest = this.#put(Buffer.from(lost > 0 ? lossText(lost) + text : text));
    if (rest === undefined) this.#lost += lost + 1;
    else if (rest.length > 0) this.#keep(rest);
  }

  /** Tries to write what waits. Returns whether nothing waits any more. */
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

  /**
   * Returns the bytes for which there was no room; undefined if the system failed to write them, or the rest of them.
   */
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
      // The pipe has no reader. One that opens it later will not have seen the begun line.
      if (code === 'EPIPE') this.#isWithin = false;
      this.#isTorn = this.#isWithin;
      return undefined;
    }
  }

  #keep(bytes: Uint8Array): void {
    // If nothing waits, these bytes may be the rest of a begun line. They are kept, however long: half a line would
    // spoil the next.
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

  /** At exit, tries for a moment to write the rest: enough for a slow reader, without waiting for a stuck one. */
  #leave(): void {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; !this.#flush(); waited += LAST_PAUSE) {
      if (waited >= LAST) return;
      Atomics.wait(pause, 0, 0, LAST_PAUSE);
    }
    this.#tellLoss();
  }
}
