/*
 * The signs of life of a worker, in memory that other threads read while it hangs, and the judges that look at them. Of
 * requests, they say only when they began.
 */
import { monotonic } from '../../monotonic.js';

/**
 * The layout: indices of 64 bit floats, then of 32 bit words, which take the place of the float with the index 4; from
 * `CLIENTS` on, a byte for each descriptor.
 */
const FLOAT = {
  ...{ BEAT: 0, REQUEST: 1, EXTRA: 2, PATIENT_UNTIL: 3 },
  ...{ FOUND: 5, LOOKED_AT: 6, ELAPSED: 7, INTERVAL: 8 },
} as const;
const WORD = { STAGE: 8, SYSTEM_THREAD: 9 } as const;
const CLIENTS = 128;
/** Clients on descriptors above these get no answer from a watchdog. */
const DESCRIPTORS = 65_536;
/** Where the record of slow requests begins, see `insight/slow-record.ts`. */
export const SLOW_RECORD: number = CLIENTS + DESCRIPTORS;
const SIZE = SLOW_RECORD + 128 + 512;
/** The subject of a verdict about the boot. The subject of one about a request is the time when that began. */
const BOOT = -1;

/** How far a watched thread is. While it is ending it needs no watcher: the master sees to it that it does end. */
export const STAGE = { BOOTING: 0, SERVING: 1, ENDING: 2 } as const;
export type Stage = (typeof STAGE)[keyof typeof STAGE];

/** What a judge looks at. Times are those of {@link monotonic}. */
export interface Signs {
  readonly stage: Stage;
  /** When the event loop last turned. */
  readonly beat: number;
  /** How many milliseconds after that it turns again, if nothing keeps it. */
  readonly interval: number;
  /** When the request in flight began, in a worker that serves one at a time; 0 without one, and in other workers. */
  readonly request: number;
  /** How many milliseconds more than `timeout` this request may take. */
  readonly extra: number;
  /** Until when the event loop may stand still. */
  readonly patientUntil: number;
}

/**
 * What a verdict is about. A request that was given more time is another subject: an earlier verdict did not know of
 * that time.
 */
function subjectOf({ stage, request, extra }: Signs): number {
  return stage === STAGE.BOOTING ? BOOT : request + extra;
}

/**
 * What a thread that serves writes down for the thread that watches it. The memory is shared, so that it can be read
 * while the first one hangs. Writing costs a few nanoseconds.
 */
export class Vitals {
  readonly memory: SharedArrayBuffer;
  readonly #floats: Float64Array;
  readonly #words: Int32Array;
  readonly #clients: Uint8Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.#floats = new Float64Array(memory, 0, CLIENTS / 8);
    this.#words = new Int32Array(memory, 0, CLIENTS / 4);
    this.#clients = new Uint8Array(memory, CLIENTS, DESCRIPTORS);
  }

  read(): Signs {
    const float = (index: number): number => this.#floats[index] as number;
    return {
      // Atomic: a thread that sees a stage also sees the beat that was written before it.
      stage: Atomics.load(this.#words, WORD.STAGE) as Stage,
      beat: float(FLOAT.BEAT),
      interval: float(FLOAT.INTERVAL),
      request: float(FLOAT.REQUEST),
      extra: float(FLOAT.EXTRA),
      patientUntil: float(FLOAT.PATIENT_UNTIL),
    };
  }

  /** When the watcher last looked, or began to watch, by {@link monotonic}; 0 where nobody watches. */
  get lookedAt(): number {
    return this.#floats[FLOAT.LOOKED_AT] as number;
  }

  /** If the watcher has found that this very request, or this boot, has had too much time: how many milliseconds. */
  found(signs: Signs): number | undefined {
    return this.#floats[FLOAT.FOUND] === subjectOf(signs) ? this.#floats[FLOAT.ELAPSED] : undefined;
  }

  /** A watcher exists from now on, though it may take a while until it first looks. */
  watch(now: number): void {
    this.#floats[FLOAT.LOOKED_AT] = now;
  }

  /** Nobody watches any more. */
  unwatch(): void {
    this.#floats[FLOAT.LOOKED_AT] = 0;
  }

  /**
   * The watcher has looked.
   *
   * @param over - if the time has run out for the request or boot that these signs are about: the milliseconds that it
   * has had.
   */
  looked(now: number, signs: Signs, over?: number): void {
    this.#floats[FLOAT.ELAPSED] = over ?? 0;
    this.#floats[FLOAT.FOUND] = over === undefined ? 0 : subjectOf(signs);
    this.#floats[FLOAT.LOOKED_AT] = now;
  }

  /** The descriptors of the clients that wait for the head of an answer. */
  waitingClients(): number[] {
    const found: number[] = [];
    for (let fd = this.#clients.indexOf(1); fd !== -1; fd = this.#clients.indexOf(1, fd + 1)) found.push(fd);
    return found;
  }

  /**
   * The kernel's number of this thread, by which others find its `ThreadFigures`; 0 until it is set, and where it is
   * not known.
   */
  get systemThread(): number {
    return this.#words[WORD.SYSTEM_THREAD] as number;
  }

  set systemThread(thread: number) {
    this.#words[WORD.SYSTEM_THREAD] = thread;
  }

  setStage(stage: Stage): void {
    Atomics.store(this.#words, WORD.STAGE, stage);
  }

  /** The event loop turns, and will again within `interval` milliseconds. */
  beat(interval: number): void {
    this.#floats[FLOAT.INTERVAL] = interval;
    this.#floats[FLOAT.BEAT] = monotonic();
  }

  /** A request begins, at the time `now` of `performance.now()`. */
  begin(now: number): void {
    this.#floats[FLOAT.EXTRA] = 0;
    this.#floats[FLOAT.REQUEST] = monotonic(now);
  }

  end(): void {
    this.#floats[FLOAT.REQUEST] = 0;
  }

  /**
   * The request in flight gets `duration` milliseconds more, and the event loop may stand still until `patientUntil`.
   */
  extend(duration: number, patientUntil: number): void {
    this.#floats[FLOAT.EXTRA] = (this.#floats[FLOAT.EXTRA] as number) + duration;
    this.#floats[FLOAT.PATIENT_UNTIL] = patientUntil;
  }

  /**
   * Nothing has been sent yet of the answer that is next on this client's connection. So an answer that somebody else
   * writes to its descriptor spoils no other one.
   */
  clientWaits(fd: number): void {
    this.#clients[fd] = 1;
  }

  /** The opposite of {@link Vitals.clientWaits}. */
  clientHasHead(fd: number): void {
    this.#clients[fd] = 0;
  }
}
