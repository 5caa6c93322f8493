import { SLOW_RECORD } from '../vitals/vitals.js';

/** The layout: indices of 64 bit floats and of 32 bit words, then bytes, and 64 bit words behind them. */
const FLOAT = { LATEST: 0, SINCE: 2, SPENT: 3, PAUSED: 4 } as const;
const WORD = { FLYING: 10, REPORTS: 11, SUPPRESSED: 12, PAUSES: 13, ANSWERED: 14, CLIENT: 15 } as const;
const FLOATS = 5;
const WORDS = 16;
const ADDRESS_LENGTH = 64;
const ADDRESS = 65;
/**
 * A table of the requests that have been reported. It has many places, so that a request that is reported late does not
 * make another one, reported meanwhile, be forgotten.
 */
const TOLD = 128;
const TOLD_COUNT = 64;
/** Prime, so that even the times of a coarse clock are spread over the table. */
const SPREAD = 997;

/**
 * In each minute there may be so many reports, and the thread may be held (paused for a look) for a hundredth of the
 * time: reports must not make a slow service slower. Milliseconds.
 */
const WINDOW = 60_000;
const MOST_REPORTS = 300;
const MOST_PAUSED = WINDOW / 100;

/**
 * What a thread and its watcher share, so that each slow request is reported once, whichever of them finds it, and not
 * too many are reported. It lies behind the signs of life, in the same shared memory.
 *
 * A request is known here by its stamp: the time when it began, of `monotonic()`.
 */
export class SlowRecord {
  readonly #floats: Float64Array;
  /** The bits of stamps, which are floats: atomic exchanges exist for integers only. */
  readonly #told: BigInt64Array;
  readonly #words: Int32Array;
  readonly #address: Buffer;

  /** @param vitals - the memory of the signs of life. */
  constructor(vitals: SharedArrayBuffer) {
    this.#floats = new Float64Array(vitals, SLOW_RECORD, FLOATS);
    this.#told = new BigInt64Array(vitals, SLOW_RECORD + TOLD, TOLD_COUNT);
    this.#words = new Int32Array(vitals, SLOW_RECORD, WORDS);
    this.#address = Buffer.from(vitals, SLOW_RECORD, TOLD);
  }

  /** When the latest request began, of `monotonic()`; 0 if it is over. For worker classes that serve many at once. */
  get latest(): number {
    return this.#floats[FLOAT.LATEST] as number;
  }

  /** How many requests are in flight, in a worker of these classes. */
  get flying(): number {
    return Atomics.load(this.#words, WORD.FLYING);
  }

  /** The descriptor of the client whose request came last; -1 if none is noted. */
  get client(): number {
    return (this.#words[WORD.CLIENT] as number) - 1;
  }

  /** The address of that client, noted where proxies may connect for clients (PROXY protocol); otherwise undefined. */
  get address(): string | undefined {
    const length = this.#address[ADDRESS_LENGTH] as number;
    return length === 0 ? undefined : this.#address.toString('latin1', ADDRESS, ADDRESS + length);
  }

  /**
   * Notes the client of a request that begins. To be called before the signs of life show the request.
   *
   * @param fd - the descriptor of its connection. Its address is looked up only for a report, since that costs a system
   *   call.
   */
  noteClient(fd: number): void {
    this.#words[WORD.CLIENT] = fd + 1;
  }

  /** Notes the address of that client, as the proxy gives it that has connected for it. */
  noteAddress(address: string | undefined): void {
    this.#address[ADDRESS_LENGTH] = address === undefined ? 0 : this.#address.write(address, ADDRESS, 'latin1');
  }

  /** In `peers`, replaces the address of the proxy by that of the client itself, for the client that has been noted. */
  rename(peers: Map<number, { readonly address: string | undefined }>): void {
    const { client, address } = this;
    if (address !== undefined && peers.has(client)) peers.set(client, { address });
  }

  /** A request begins, in a class that serves many at once. */
  fly(stamp: number): void {
    this.#floats[FLOAT.LATEST] = stamp;
    Atomics.add(this.#words, WORD.FLYING, 1);
  }

  /** Such a request is over. */
  land(stamp: number): void {
    Atomics.sub(this.#words, WORD.FLYING, 1);
    if (this.latest === stamp) this.#floats[FLOAT.LATEST] = 0;
  }

  isTold(stamp: number): boolean {
    return Atomics.load(this.#told, placeOf(stamp)) === bitsOf(stamp);
  }

  /** Claims the report of the request of that stamp. Only the caller that gets `true` reports it. */
  claim(stamp: number): boolean {
    const place = placeOf(stamp);
    const before = Atomics.load(this.#told, place);
    const own = bitsOf(stamp);
    return before !== own && Atomics.compareExchange(this.#told, place, before, own) === before;
  }

  /** Whether there may be one more report in this minute. If not, {@link SlowRecord.suppress} counts the request. */
  admits(now: number): boolean {
    if (now - (this.#floats[FLOAT.SINCE] as number) >= WINDOW) {
      this.#floats[FLOAT.SINCE] = now;
      this.#floats[FLOAT.SPENT] = 0;
      Atomics.store(this.#words, WORD.REPORTS, 0);
    }
    return (this.#words[WORD.REPORTS] as number) < MOST_REPORTS;
  }

  /** Whether the thread may be held once more in this minute. To be read after {@link SlowRecord.admits}. */
  get mayHold(): boolean {
    return (this.#floats[FLOAT.SPENT] as number) < MOST_PAUSED;
  }

  suppress(): void {
    Atomics.add(this.#words, WORD.SUPPRESSED, 1);
  }

  /** Notes that the thread was held for so many milliseconds. */
  notePause(duration: number): void {
    this.#words[WORD.PAUSES] = (this.#words[WORD.PAUSES] as number) + 1;
    this.#floats[FLOAT.SPENT] = (this.#floats[FLOAT.SPENT] as number) + duration;
    this.#floats[FLOAT.PAUSED] = (this.#floats[FLOAT.PAUSED] as number) + duration;
  }

  /** Counts one more report. Returns what it says of requests and pauses before it. */
  report(): { readonly suppressed?: number; readonly pauses: { readonly count: number; readonly total: number } } {
    Atomics.add(this.#words, WORD.REPORTS, 1);
    const suppressed = Atomics.exchange(this.#words, WORD.SUPPRESSED, 0);
    const pauses = { count: this.#words[WORD.PAUSES] as number, total: this.#floats[FLOAT.PAUSED] as number };
    return { ...(suppressed > 0 && { suppressed }), pauses };
  }

  /** Claims the answer to an order to say what the thread is doing. The caller that gets `true` answers. */
  answers(ask: number): boolean {
    return Atomics.exchange(this.#words, WORD.ANSWERED, ask) !== ask;
  }

  isAnswered(ask: number): boolean {
    return Atomics.load(this.#words, WORD.ANSWERED) === ask;
  }
}

/** The place of a stamp in the table: the same for the thread and its watcher. Few other stamps share it. */
function placeOf(stamp: number): number {
  return (stamp * SPREAD) & (TOLD_COUNT - 1);
}

function bitsOf(stamp: number): bigint {
  SCRATCH[0] = stamp;
  return BITS[0] as bigint;
}
const SCRATCH = new Float64Array(1);
const BITS = new BigInt64Array(SCRATCH.buffer);
