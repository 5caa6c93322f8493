import { writeSync } from 'node:fs';
import { FD } from '../../protocol/spec.js';
import { SENT_OFFSET, slotPosition } from '../../scoreboard/scoreboard.js';
import { spec } from '../context.js';

/** So often a count is stored again, when another thread has changed it meanwhile. */
const ATTEMPTS = 8;

/**
 * How many messages of the application this process has taken on, with those of its threads: in memory that they share, and on the scoreboard, where the master finds it when this
 * process has been killed. What it has not been told by then is lost, and it knows how much that is.
 */
export class SentCount {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #store: (count: Uint32Array) => void;

  /** @param store - puts it where it outlives this process. */
  constructor(store: (count: Uint32Array) => void, memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#store = store;
  }

  /** One more, which the pipe may take at once: then nothing is to be stored. */
  add(): void {
    Atomics.add(this.#words, 0, 1);
  }

  /** Something waits from now on. */
  store(): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const count = Atomics.load(this.#words, 0);
      this.#store(new Uint32Array([count]));
      // Else what another thread has stored might have been overwritten by less.
      if (Atomics.load(this.#words, 0) === count) return;
    }
  }
}

function storeOwn(count: Uint32Array): void {
  if (spec) writeSync(FD.SCOREBOARD, count, 0, 4, slotPosition(spec.slot) + SENT_OFFSET);
}

/** Of this process; of a thread, in the memory that it is given. */
export function sentCount(memory?: SharedArrayBuffer): SentCount {
  return new SentCount(storeOwn, memory);
}

/** Of this process. */
export const ownSent: SentCount = sentCount();
