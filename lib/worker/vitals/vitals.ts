/*
 * Which signs of life a worker gives, in memory that others read while it hangs, and who judges by them. It knows no more of requests than
 * when they began.
 */
import { monotonic } from '../../monotonic.js';

/** Indices of 64 bit floats, then of 32 bit words, then one byte for each descriptor. */
const FLOAT = { BEAT: 0, REQUEST: 1, EXTRA: 2, PATIENT_UNTIL: 3, FOUND: 5, LOOKED_AT: 6, ELAPSED: 7 } as const;
const WORD = { STAGE: 8, SYSTEM_THREAD: 9 } as const;
const CLIENTS = 64;
/** Clients on descriptors above these get no answer from a watchdog. */
const DESCRIPTORS = 65_536;
/** Where the record of slow requests begins, see `insight/`, and its bytes. */
export const SLOW_RECORD: number = CLIENTS + DESCRIPTORS;
const SIZE = SLOW_RECORD + 128 + 512;
/** The subject of a verdict on a boot; that of one on a request is when it began. */
const BOOT = -1;

/** How far a watched thread is: what ends by itself needs no watchdog, the master sees to it that it does. */
export const STAGE = { BOOTING: 0, SERVING: 1, ENDING: 2 } as const;
export type Stage = (typeof STAGE)[keyof typeof STAGE];

/** What a judge looks at. Times are those of {@link monotonic}. */
export interface Signs {
  readonly stage: Stage;
  /** When the event loop turned last. */
  readonly beat: number;
  /** When the request in flight began, where one is served at a time; else 0. */
  readonly request: number;
  /** So many milliseconds this request may take longer. */
  readonly extra: number;
  /** The event loop may stand still until then. */
  readonly patientUntil: number;
}

/** What a verdict is about. A request that was given more time is another one: who judged it before did not know of that. */
function subjectOf({ stage, request, extra }: Signs): number {
  return stage === STAGE.BOOTING ? BOOT : request + extra;
}

/**
 * What a thread that serves writes down for the one that watches it: memory of both, so that it can be read while the thread
 * hangs. Writing costs a few nanoseconds.
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
      // Atomic: whoever sees a stage, sees the beat that was written before it.
      stage: Atomics.load(this.#words, WORD.STAGE) as Stage,
      beat: float(FLOAT.BEAT),
      request: float(FLOAT.REQUEST),
      extra: float(FLOAT.EXTRA),
      patientUntil: float(FLOAT.PATIENT_UNTIL),
    };
  }

  /** When whoever watches has looked last, or began to watch, of {@link monotonic}; 0 where nobody does. */
  get lookedAt(): number {
    return this.#floats[FLOAT.LOOKED_AT] as number;
  }

  /** The milliseconds that this very request, or this boot, has had, if it has found that they are too many. */
  found(signs: Signs): number | undefined {
    return this.#floats[FLOAT.FOUND] === subjectOf(signs) ? this.#floats[FLOAT.ELAPSED] : undefined;
  }

  /** Somebody watches from now on, though it may take a while until it looks. */
  watch(now: number): void {
    this.#floats[FLOAT.LOOKED_AT] = now;
  }

  /** Nobody watches any more. */
  unwatch(): void {
    this.#floats[FLOAT.LOOKED_AT] = 0;
  }

  /**
   * Whoever watches has looked.
   *
   * @param over - if the time of what these signs are of has run out: the milliseconds that it has had.
   */
  looked(now: number, signs: Signs, over?: number): void {
    this.#floats[FLOAT.ELAPSED] = over ?? 0;
    this.#floats[FLOAT.FOUND] = over === undefined ? 0 : subjectOf(signs);
    this.#floats[FLOAT.LOOKED_AT] = now;
  }

  /** The clients that wait for the head of an answer. */
  waitingClients(): number[] {
    const found: number[] = [];
    for (let fd = this.#clients.indexOf(1); fd !== -1; fd = this.#clients.indexOf(1, fd + 1)) found.push(fd);
    return found;
  }

  /** By which others find this thread's figures, see `ThreadFigures`: 0 until it has told, and where nobody knows. */
  get systemThread(): number {
    return this.#words[WORD.SYSTEM_THREAD] as number;
  }

  set systemThread(thread: number) {
    this.#words[WORD.SYSTEM_THREAD] = thread;
  }

  setStage(stage: Stage): void {
    Atomics.store(this.#words, WORD.STAGE, stage);
  }

  beat(): void {
    this.#floats[FLOAT.BEAT] = monotonic();
  }

  /** A request begins, at this moment of `performance.now()`. */
  begin(now: number): void {
    this.#floats[FLOAT.EXTRA] = 0;
    this.#floats[FLOAT.REQUEST] = monotonic(now);
  }

  end(): void {
    this.#floats[FLOAT.REQUEST] = 0;
  }

  /** The request in flight, and the event loop, get so much longer, milliseconds. */
  extend(duration: number, patientUntil: number): void {
    this.#floats[FLOAT.EXTRA] = (this.#floats[FLOAT.EXTRA] as number) + duration;
    this.#floats[FLOAT.PATIENT_UNTIL] = patientUntil;
  }

  /** Nothing of the answer to the request of this client whose turn it is has been sent: whoever tells it that there will be none spoils no other one. */
  clientWaits(fd: number): void {
    this.#clients[fd] = 1;
  }

  clientHasHead(fd: number): void {
    this.#clients[fd] = 0;
  }
}
