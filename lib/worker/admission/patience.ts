/**
 * How long a new connection keeps its place without a request, milliseconds; with TLS the handshake is in it. A request
 * that comes later may find this worker busy while another is idle, so a client on a busy machine must be in time.
 */
export const GRACE = 50;
/** Where that was in vain: most requests are right behind their connections. */
const SHORT = 1;
/** So many short waits may be in vain at once. An attack meets all workers at the same time, so of the long ones it is one. */
const SHORTS = 10;

/** The share of the time in which a place may wait in vain, for each of the two. */
const SHARE = 0.01;

/** Waits of one length: what is spent in vain is bounded by what was worth it, and a share of the time. */
class Credit {
  readonly wait: number;
  readonly #most: number;
  readonly #timer: NodeJS.Timeout;
  /** Milliseconds that may be spent. */
  #left: number;
  #countedAt = 0;

  constructor(wait: number, most: number, onOver: (credit: Credit) => void) {
    this.wait = wait;
    this.#most = most;
    this.#left = most;
    this.#timer = setTimeout(() => onOver(this), wait).unref();
  }

  /** Begins to wait, if there is credit for it. */
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
 * For which new connections a place waits, one at a time. Silent ones come in crowds, and requests of others come between them: so the long
 * wait is for those who are worth it, and so is the short one.
 */
export class Patience {
  readonly #credits: readonly [Credit, Credit];
  #current: Credit | undefined;
  #since = 0;

  /** @param onOver - the one that is waited for has had its time. */
  constructor(onOver: () => void) {
    const end = (credit: Credit): void => {
      // One that has come, or was waited for otherwise, may have left its timer.
      if (credit === this.#current) onOver();
    };
    this.#credits = [new Credit(GRACE, GRACE, end), new Credit(SHORT, SHORT * SHORTS, end)];
  }

  /** How long one that comes now is waited for, milliseconds. It takes the place of the one before. */
  begin(now: number): number {
    const [long, short] = this.#credits;
    this.#since = now;
    if (long.take(now)) this.#current = long;
    else if (short.take(now)) this.#current = short;
    else this.#current = undefined;
    return this.#current?.wait ?? 0;
  }

  /** One that lets others wait is not waited for. */
  skip(): void {
    this.#current = undefined;
  }

  /** The request of the last one is here. */
  end(now: number): void {
    this.#current?.repay(now - this.#since);
    this.#current = undefined;
  }
}
