/**
 * The longest line, including its new line, whatever a client sends. PIPE_BUF of Linux: a longer write to a pipe may be
 * mixed with that of another process. The limit also holds for files. Bytes.
 */
export const MAX_LINE = 4_096;
export const NEW_LINE = 10;

/**
 * A line that is being written, in ASCII, directly into the memory where it waits. No string is made of it: joining the
 * pieces, searching for characters to escape, and copying the result would take three passes over the same text, and as
 * many calls out of compiled code.
 */
export class Line {
  readonly #bytes: Uint8Array;
  #start = 0;
  #at = 0;
  /** The end of the space for the line, without its new line. */
  #limit = 0;
  /** The line was longer than allowed, and has been cut. */
  isFull = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Begins the next line at this offset. There must be room for {@link MAX_LINE}. */
  begin(start: number): void {
    this.#start = start;
    this.#limit = start + MAX_LINE - 1;
    this.again();
  }

  /** Begins the same line again. */
  again(): void {
    this.#at = this.#start;
    this.isFull = false;
  }

  /** Ends the line. Returns the offset at which the next one would begin. */
  end(): number {
    this.#bytes[this.#at] = NEW_LINE;
    return this.#at + 1;
  }

  /**
   * Appends a text if all of it is harmless there, see {@link IN_VALUE}. Otherwise appends nothing and returns false.
   * This is the only call that a writer makes for each piece of a line.
   */
  put(text: string, harmless: Uint8Array): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    const length = this.#fitting(text);
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 255 || harmless[code] === 0) return false;
      bytes[at + index] = code;
    }
    this.#at = at + length;
    return true;
  }

  /** How many characters of the text there is room for. */
  #fitting({ length }: string): number {
    const room = this.#limit - this.#at;
    if (length <= room) return length;
    this.isFull = true;
    return room;
  }
}
