import { writeSync } from 'node:fs';
import { FD } from '../../protocol/spec.js';
import { SENT_OFFSET, slotPosition } from '../../scoreboard/scoreboard.js';
import { spec } from '../context.js';

/** How often a count is stored at most, when other threads change it meanwhile. */
const ATTEMPTS = 8;

/**
 * How many messages of the application this process and its threads have accepted for sending. The count is in memory
 * that the threads share, and on the scoreboard, where the master reads it after this process has been killed. Messages
 * that the master has not received by then are lost, and the count tells it how many.
 */
export class SentCount {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #store: (count: Uint32Array) => void;

  /** @param store - stores the count where it outlives this process. */
  constructor(store: (count: Uint32Array) => void, memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#store = store;
  }

  /** Counts one more message. If the pipe takes it at once, the count need not be stored. */
  add(): void {
    Atomics.add(this.#words, 0, 1);
  }

  /** Stores the count, since a message waits. */
  store(): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const count = Atomics.load(this.#words, 0);
      this.#store(new Uint32Array([count]));
      // If the count has changed, this may have overwritten the higher count of another thread: store again.
      if (Atomics.load(this.#words, 0) === count) return;
    }
  }
}

function storeOwn(count: Uint32Array): void {
  if (spec) writeSync(FD.SCOREBOARD, count, 0, 4, slotPosition(spec.slot) + SENT_OFFSET);
}

/** The count of this process; in a thread, `memory` is what the process has given it. */
export function sentCount(memory?: SharedArrayBuffer): SentCount {
  return new SentCount(storeOwn, memory);
}

/** The count of this process. */
export const ownSent: SentCount = sentCount();
