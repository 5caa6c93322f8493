import type { StacksMessage, ThreadActivity } from '../../protocol/activity.js';

/** How long a worker has to answer: its watchdog looks twice a second, and waits for the stack for a quarter of one. Milliseconds. */
const PATIENCE = 2_000;
/** An order has a number of one byte; 0 is none. */
const NUMBERS = 255;

/** How a worker is asked: each way returns whether it may have got there. */
interface Ways {
  /** On the control pipe. */
  readonly order: (ask: number) => boolean;
  /** On the scoreboard, for its watchdog. */
  readonly board: (ask: number) => void;
}

/** Asks one worker what its threads are doing. */
export class Inquiry {
  readonly #ways: Ways;
  #number = 0;
  #waiting: Promise<readonly ThreadActivity[] | undefined> | undefined;
  #answer: ((message: StacksMessage | undefined) => void) | undefined;
  /** What it has said last. */
  latest: readonly ThreadActivity[] | undefined;

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  /** Resolves with what all its threads are doing; undefined when it has not said so in time. Who asks while it is asked gets the same answer. */
  ask(): Promise<readonly ThreadActivity[] | undefined> {
    this.#waiting ??= this.#ask().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  /** It has answered. */
  hear(message: StacksMessage): void {
    if (message.ask === this.#number) this.#answer?.(message);
  }

  /** It has ended. */
  close(): void {
    this.#answer?.(undefined);
  }

  async #ask(): Promise<readonly ThreadActivity[] | undefined> {
    this.#number = (this.#number % NUMBERS) + 1;
    this.latest = undefined;
    this.#ways.board(this.#number);
    this.#ways.order(this.#number);
    const message = await new Promise<StacksMessage | undefined>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE, undefined);
      this.#answer = (said) => {
        clearTimeout(timer);
        resolve(said);
      };
    });
    this.#answer = undefined;
    if (message) this.latest = message.threads;
    return message?.threads;
  }
}
