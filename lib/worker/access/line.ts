/**
 * What one write to a pipe is at most, so that it is not mixed with another's: PIPE_BUF of Linux. Also where it goes to a file, a line with its end is no longer,
 * whatever a client sends. Bytes.
 */
export const MAX_LINE = 4_096;
export const NEW_LINE = 10;

/**
 * A line that is being written, in ASCII, into the memory where it waits. No string is made of it: to join the pieces, to look for what is to be escaped, and to copy the
 * result would be three ways through the same characters, and as many calls out of compiled code.
 */
export class Line {
  readonly #bytes: Uint8Array;
  #start = 0;
  #at = 0;
  /** Where it must end, but for its new line. */
  #limit = 0;
  /** It was longer than a line may be, and is cut. */
  isFull = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next one begins there. There must be room for {@link MAX_LINE}. */
  begin(start: number): void {
    this.#start = start;
    this.#limit = start + MAX_LINE - 1;
    this.again();
  }

  /** It is begun anew. */
  again(): void {
    this.#at = this.#start;
    this.isFull = false;
  }

  /** Returns where the next one would begin. */
  end(): number {
    this.#bytes[this.#at] = NEW_LINE;
    return this.#at + 1;
  }

  /**
   * Puts in a text of which all is harmless there, see {@link IN_VALUE}; else returns false, and nothing of it is there. Who writes a line comes here for each piece of it, and to
   * nothing else.
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

  /** How much of it there is room for. */
  #fitting({ length }: string): number {
    const room = this.#limit - this.#at;
    if (length <= room) return length;
    this.isFull = true;
    return room;
  }
}
