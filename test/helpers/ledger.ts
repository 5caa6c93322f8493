import { type Exchange, ExchangeFailure, exchange, type FailureKind } from './exchange.js';

/** A time in which requests of some clients may fail in some ways. Its end is infinite until it is known. */
export interface Excuse {
  readonly name: string;
  readonly kinds: readonly FailureKind[];
  /** The clients whose requests are excused. */
  readonly clients: readonly string[];
  readonly from: number;
  until: number;
  /** How many requests it excuses at most. */
  readonly most: number;
  lost: number;
}

/** A request that got no answer and has no excuse. */
export interface Loss {
  readonly client: string;
  readonly kind: FailureKind;
  readonly code: string | number | undefined;
  readonly message: string;
  readonly sent: number;
  readonly failed: number;
}

/** Accounts for each request: it was answered, there is an excuse for it, or it was lost. */
export class Ledger {
  sent = 0;
  answered = 0;
  readonly excused: Map<string, number> = new Map();
  readonly losses: Loss[] = [];
  readonly #excuses: Excuse[] = [];
  readonly #start = performance.now();

  get now(): number {
    return Math.round(performance.now() - this.#start);
  }

  /** Begins an excuse. Returns a function that lets it end, this many milliseconds later. */
  excuse(name: string, clients: readonly string[], kinds: readonly FailureKind[], most = Number.POSITIVE_INFINITY) {
    const excuse: Excuse = { name, kinds, clients, from: this.now, until: Number.POSITIVE_INFINITY, most, lost: 0 };
    this.#excuses.push(excuse);
    return (later = 0): void => {
      excuse.until = this.now + later;
    };
  }

  /** Sends one request and notes what became of it. Resolves with whether it was answered. */
  async make(client: string, request: Exchange): Promise<boolean> {
    this.sent++;
    const sent = this.now;
    try {
      await exchange(request);
      this.answered++;
      return true;
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) throw error;
      const { kind, code, message, reused } = error;
      this.#fail({ client, kind, code, message, sent, failed: this.now }, reused);
      return false;
    }
  }

  /** How many requests are not accounted for: 0 when all have come to their ends. */
  get open(): number {
    const excused = [...this.excused.values()].reduce((sum, count) => sum + count, 0);
    return this.sent - this.answered - excused - this.losses.length;
  }

  #fail(loss: Loss, reused: boolean): void {
    const { client, kind, sent, failed } = loss;
    // A request on a kept connection may cross the end of the connection. HTTP/1.1 has no remedy; clients may send it
    // again.
    if (reused && (kind === 'reset' || kind === 'hang up')) {
      this.#count('crossed the end of a kept connection');
      return;
    }
    const excuse = this.#excuses.find(
      ({ from, until, kinds, clients, most, lost }) =>
        from <= failed && sent <= until && lost < most && kinds.includes(kind) && clients.includes(client),
    );
    if (!excuse) {
      this.losses.push(loss);
      return;
    }
    excuse.lost++;
    this.#count(excuse.name);
  }

  #count(name: string): void {
    this.excused.set(name, (this.excused.get(name) ?? 0) + 1);
  }

  toString(): string {
    const excused = [...this.excused].map(([name, count]) => `${count} ${name}`);
    return `${this.sent} sent, ${this.answered} answered, ${[...excused, `${this.losses.length} lost`].join(', ')}`;
  }
}
