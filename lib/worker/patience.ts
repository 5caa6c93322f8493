/**
 * How long a new connection keeps its place without a request, milliseconds; with TLS the handshake is in it. A request
 * that comes later may find this worker busy while another is idle, so a client on a busy machine must be in time.
 */
export const GRACE = 50;

/** The share of the time in which a place may wait in vain. An attack meets all workers at once: so there is credit for one, and not for several. */
const SHARE = 0.01;

/**
 * For which new connections a place waits. Silent ones come in crowds, and requests of others come between them: so what is spent in vain is
 * bounded by what was worth it, and a hundredth of the time.
 */
export class Patience {
  /** Milliseconds that may be spent. */
  #credit = GRACE;
  #countedAt = 0;

  /** Whether one that comes now is waited for. */
  take(now: number): boolean {
    if (now > this.#countedAt) this.#add((now - this.#countedAt) * SHARE);
    this.#countedAt = now;
    if (this.#credit < GRACE) return false;
    this.#credit -= GRACE;
    return true;
  }

  /** It was worth it: the request came after so many milliseconds. */
  repay(waited: number): void {
    this.#add(GRACE + Math.min(waited, GRACE));
  }

  #add(credit: number): void {
    this.#credit = Math.min(GRACE, this.#credit + credit);
  }
}
