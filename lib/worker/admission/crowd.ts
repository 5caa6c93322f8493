/** After this many turns in a row that brought a client from the kernel's queue, it is no coincidence any more. */
const ROW = 3;

/**
 * Whether clients in the kernel's queue wait because of clients whose connections are kept. If that lasts, some kept
 * connections are closed, and their clients have to come anew and wait like all others. Each of them is then a newcomer
 * itself. So fewer connections are closed than clients have waited; otherwise it would never end.
 */
export class Crowd {
  #found = 0;
  #owed = 0;

  /** A client was found that had waited. */
  add(): void {
    if (++this.#found % ROW === 0) this.#owed++;
  }

  /** A turn has brought nobody, or no request waits here: everybody gets a share. */
  clear(): void {
    this.#found = 0;
    this.#owed = 0;
  }

  get isWaiting(): boolean {
    return this.#owed > 0;
  }

  /** Returns whether one connection less is to be kept. */
  giveWay(): boolean {
    if (this.#owed === 0) return false;
    this.#owed--;
    return true;
  }
}
