/**
 * Passes renewed keys of TLS session tickets on to the server that uses them. Keys may arrive while the application
 * still loads; of those that nobody has taken yet, the latest are kept.
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

  /** Calls `take` with the keys that wait, and with all that come later. */
  readonly onTicketKeys = (take: (keys: Uint8Array) => void): void => {
    this.#take = take;
    if (this.#waiting) take(this.#waiting);
    this.#waiting = undefined;
  };
}
