/** So many turns of the kernel's queue in a row that brought somebody: it is no chance any more. */
const ROW = 3;

/**
 * Whether clients wait for those whose connections are kept. If it is so for long, some of these are to come anew and wait like all others;
 * each that does is a newcomer again, so there must be fewer of them than of those that they make room for, or it would never end.
 */
export class Crowd {
  #found = 0;
  #owed = 0;

  /** One was found who had waited. */
  add(): void {
    if (++this.#found % ROW === 0) this.#owed++;
  }

  /** A turn has brought nobody, or nobody waits here: all have their share. */
  clear(): void {
    this.#found = 0;
    this.#owed = 0;
  }

  get isWaiting(): boolean {
    return this.#owed > 0;
  }

  /** One connection less is kept. */
  giveWay(): boolean {
    if (this.#owed === 0) return false;
    this.#owed--;
    return true;
  }
}
