/**
 * Which request the stored slot names as the one in flight, as the master would read it now. For a worker that serves
 * one request at a time.
 *
 * Storing the start of each request costs a tenth of a short one. But under load, the stored slot goes on naming a
 * request for up to two milliseconds after its end. If the next request is like that one, the slot already says what it
 * should.
 */
export class Named {
  #method = '';
  #url = '';
  #storedMethod = '';
  #storedUrl = '';
  #active = false;

  /** A request begins. Returns whether the stored slot names one with the same method and URL. */
  begin(method: string, url: string): boolean {
    this.#method = method;
    this.#url = url;
    return this.#active && url === this.#storedUrl && method === this.#storedMethod;
  }

  /**
   * The slot is being stored.
   *
   * @param begun - whether it names the request that began last; if not, it goes on naming the one before.
   * @param active - whether a request is in flight.
   */
  store(begun: boolean, active: boolean): void {
    this.#active = active;
    if (!begun) return;
    this.#storedMethod = this.#method;
    this.#storedUrl = this.#url;
  }
}
