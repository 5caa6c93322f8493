import { SLOW_RECORD } from '../vitals/vitals.js';

/** Indices of 64 bit floats, then of 32 bit words, then bytes, and of 64 bit words behind them. */
const FLOAT = { LATEST: 0, SINCE: 2, SPENT: 3, PAUSED: 4 } as const;
const WORD = { FLYING: 10, REPORTS: 11, SUPPRESSED: 12, PAUSES: 13, ANSWERED: 14, CLIENT: 15 } as const;
const FLOATS = 5;
const WORDS = 16;
const ADDRESS_LENGTH = 64;
const ADDRESS = 65;
/** Where what has been told is noted: one that is told late must not make another one, told meanwhile, be forgotten. */
const TOLD = 128;
const TOLD_COUNT = 64;
/** Prime, so that also moments of a coarse clock are spread. */
const SPREAD = 997;

/** In each minute so many may be told, and the thread may be held for a hundredth of the time: a slow service must not be made slower. Milliseconds. */
const WINDOW = 60_000;
const MOST_REPORTS = 300;
const MOST_PAUSED = WINDOW / 100;

/**
 * What a thread and the one that watches it have to know of each other, so that each slow request is told once, whoever finds it, and not
 * too many. It stands behind the signs of life, in the memory of both.
 */
export class SlowRecord {
  readonly #floats: Float64Array;
  /** Bits of floats; only of integers something can be exchanged. */
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

  /** When the request began that came last, of `monotonic()`; 0 where it is over. For classes that serve many at once. */
  get latest(): number {
    return this.#floats[FLOAT.LATEST] as number;
  }

  /** How many are in flight; of these classes. */
  get flying(): number {
    return Atomics.load(this.#words, WORD.FLYING);
  }

  /** On which descriptor the client of the request is that came last; -1 where nobody says. */
  get client(): number {
    return (this.#words[WORD.CLIENT] as number) - 1;
  }

  /** Its address, where it is not that of who has connected. */
  get address(): string | undefined {
    const length = this.#address[ADDRESS_LENGTH] as number;
    return length === 0 ? undefined : this.#address.toString('latin1', ADDRESS, ADDRESS + length);
  }

  /**
   * A request begins, before the signs of life say so.
   *
   * @param fd - of its connection; whoever tells of it asks the system for the address, which would cost each request a call.
   */
  noteClient(fd: number): void {
    this.#words[WORD.CLIENT] = fd + 1;
  }

  /** What the one that has been noted is called by the proxy that has connected for it. */
  noteAddress(address: string | undefined): void {
    this.#address[ADDRESS_LENGTH] = address === undefined ? 0 : this.#address.write(address, ADDRESS, 'latin1');
  }

  /** Gives the client that has been noted its own address, in place of its proxy's. */
  rename(peers: Map<number, { readonly address: string | undefined }>): void {
    const { client, address } = this;
    if (address !== undefined && peers.has(client)) peers.set(client, { address });
  }

  /** One of many begins. */
  fly(stamp: number): void {
    this.#floats[FLOAT.LATEST] = stamp;
    Atomics.add(this.#words, WORD.FLYING, 1);
  }

  /** It is over. */
  land(stamp: number): void {
    Atomics.sub(this.#words, WORD.FLYING, 1);
    if (this.latest === stamp) this.#floats[FLOAT.LATEST] = 0;
  }

  isTold(stamp: number): boolean {
    return Atomics.load(this.#told, placeOf(stamp)) === bitsOf(stamp);
  }

  /** Whoever gets `true` tells of the request that began then; nobody else does. */
  claim(stamp: number): boolean {
    const place = placeOf(stamp);
    const before = Atomics.load(this.#told, place);
    const own = bitsOf(stamp);
    return before !== own && Atomics.compareExchange(this.#told, place, before, own) === before;
  }

  /** Whether one more may be told. What may not is to be counted. */
  admits(now: number): boolean {
    if (now - (this.#floats[FLOAT.SINCE] as number) >= WINDOW) {
      this.#floats[FLOAT.SINCE] = now;
      this.#floats[FLOAT.SPENT] = 0;
      Atomics.store(this.#words, WORD.REPORTS, 0);
    }
    return (this.#words[WORD.REPORTS] as number) < MOST_REPORTS;
  }

  /** Whether the thread may be held once more, in this minute; asked behind {@link SlowRecord.admits}. */
  get mayHold(): boolean {
    return (this.#floats[FLOAT.SPENT] as number) < MOST_PAUSED;
  }

  suppress(): void {
    Atomics.add(this.#words, WORD.SUPPRESSED, 1);
  }

  /** The thread was held for so many milliseconds. */
  notePause(duration: number): void {
    this.#words[WORD.PAUSES] = (this.#words[WORD.PAUSES] as number) + 1;
    this.#floats[FLOAT.SPENT] = (this.#floats[FLOAT.SPENT] as number) + duration;
    this.#floats[FLOAT.PAUSED] = (this.#floats[FLOAT.PAUSED] as number) + duration;
  }

  /** What a report says of those before; it is one more. */
  report(): { readonly suppressed?: number; readonly pauses: { readonly count: number; readonly total: number } } {
    Atomics.add(this.#words, WORD.REPORTS, 1);
    const suppressed = Atomics.exchange(this.#words, WORD.SUPPRESSED, 0);
    const pauses = { count: this.#words[WORD.PAUSES] as number, total: this.#floats[FLOAT.PAUSED] as number };
    return { ...(suppressed > 0 && { suppressed }), pauses };
  }

  /** Of an order to say what is being done: whoever gets `true` does. */
  answers(ask: number): boolean {
    return Atomics.exchange(this.#words, WORD.ANSWERED, ask) !== ask;
  }

  isAnswered(ask: number): boolean {
    return Atomics.load(this.#words, WORD.ANSWERED) === ask;
  }
}

/** Both who may tell of a request look at the same place; of others, few share it. */
function placeOf(stamp: number): number {
  return (stamp * SPREAD) & (TOLD_COUNT - 1);
}

function bitsOf(stamp: number): bigint {
  SCRATCH[0] = stamp;
  return BITS[0] as bigint;
}
const SCRATCH = new Float64Array(1);
const BITS = new BigInt64Array(SCRATCH.buffer);
