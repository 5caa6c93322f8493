/**
 * How long a new connection keeps its place without a request, milliseconds; a TLS handshake must fit in, too. A
 * request that comes later may find this worker busy while another is idle, so it should be enough for clients on a
 * busy machine.
 */
export const GRACE = 50;
/** The wait when too many long ones were in vain: most requests are right behind their connections. Milliseconds. */
const SHORT = 1;
/**
 * How many short waits may be in vain at once. For long waits it is one, since an attack meets all workers at the same
 * time.
 */
const SHORTS = 10;

/** The share of time that places may spend on waiting in vain, for each of the two lengths. */
const SHARE = 0.01;

/**
 * The credit for waits of one length. It bounds the time spent in vain: the credit grows by a share of the time, and by
 * each wait that was worth it.
 */
class Credit {
  readonly wait: number;
  readonly #most: number;
  readonly #timer: NodeJS.Timeout;
  /** Milliseconds that may still be spent. */
  #left: number;
  #countedAt = 0;

  constructor(wait: number, most: number, onOver: (credit: Credit) => void) {
    this.wait = wait;
    this.#most = most;
    this.#left = most;
    this.#timer = setTimeout(() => onOver(this), wait).unref();
  }

  /** Begins to wait, if there is credit for it. Returns whether there is. */
  take(now: number): boolean {
    if (now > this.#countedAt) this.#add((now - this.#countedAt) * SHARE);
    this.#countedAt = now;
    if (this.#left < this.wait) return false;
    this.#left -= this.wait;
    this.#timer.refresh();
    return true;
  }

  repay(waited: number): void {
    this.#add(this.wait + Math.min(waited, this.wait));
  }

  #add(credit: number): void {
    this.#left = Math.min(this.#most, this.#left + credit);
  }
}

/**
 * Decides for which new connections a place waits, one at a time. Silent connections come in crowds, with requests of
 * others between them. So both the long and the short wait have to be earned by earlier connections whose requests
 * came.
 */
export class Patience {
  readonly #credits: readonly [Credit, Credit];
  #current: Credit | undefined;
  #since = 0;

  /** @param onOver - called when the time of the awaited connection is over. */
  constructor(onOver: () => void) {
    const end = (credit: Credit): void => {
      // A timer that was not stopped may belong to an earlier connection: its request has come, or the other wait is
      // running.
      if (credit === this.#current) onOver();
    };
    this.#credits = [new Credit(GRACE, GRACE, end), new Credit(SHORT, SHORT * SHORTS, end)];
  }

  /** How long a connection that comes now is waited for, milliseconds. It replaces the connection before. */
  begin(now: number): number {
    const [long, short] = this.#credits;
    this.#since = now;
    if (long.take(now)) this.#current = long;
    else if (short.take(now)) this.#current = short;
    else this.#current = undefined;
    return this.#current?.wait ?? 0;
  }

  /** A connection that keeps others waiting is not waited for. */
  skip(): void {
    this.#current = undefined;
  }

  /** The request of the last connection is here. */
  end(now: number): void {
    this.#current?.repay(now - this.#since);
    this.#current = undefined;
  }
}
