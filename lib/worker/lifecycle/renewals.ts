/**
 * Ticket keys on their way to who needs them: they may come while the application loads. Of those that nobody has taken yet, the last ones count.
 */
export class Renewals {
  #take: ((keys: Uint8Array) => void) | undefined;
  #waiting: Uint8Array | undefined;

  bring(keys: Uint8Array): void {
    if (this.#take) {
      this.#take(keys);
      return;
    }
    this.#waiting?.fill(0);
    this.#waiting = keys;
  }

  /** Takes what has come, and all that comes. */
  readonly onTicketKeys = (take: (keys: Uint8Array) => void): void => {
    this.#take = take;
    if (this.#waiting) take(this.#waiting);
    this.#waiting = undefined;
  };
}
