/**
 * Which request a slot names as the one in flight, as the master would read it now. For a worker that serves one at a time.
 *
 * To store each start costs a tenth of a short request. But under load the slot says that one is in flight for up to two
 * milliseconds, also between two, and where the next one is the same as that, it says already what it should.
 */
export class Named {
  #method = '';
  #url = '';
  #storedMethod = '';
  #storedUrl = '';
  #active = false;

  /** A request begins. Returns whether the slot names one like it. */
  begin(method: string, url: string): boolean {
    this.#method = method;
    this.#url = url;
    return this.#active && url === this.#storedUrl && method === this.#storedMethod;
  }

  /** The slot is stored, with the request that has begun last, if there is one since the last time. */
  store(begun: boolean, active: boolean): void {
    this.#active = active;
    if (!begun) return;
    this.#storedMethod = this.#method;
    this.#storedUrl = this.#url;
  }
}
