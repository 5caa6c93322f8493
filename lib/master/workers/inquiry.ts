import type { StacksMessage, ThreadActivity } from '../../protocol/activity.js';

/**
 * How long a worker has to answer: a turn of its event loop is due within half a second, its watchdog looks twice a
 * second, and waits a quarter of a second for the stack. Milliseconds.
 */
const PATIENCE = 2_000;
/** The number of a question fits into one byte; 0 means none. */
const NUMBERS = 255;

/** The two ways to ask a worker. */
interface Ways {
  /** On the control pipe. Returns whether the question may have arrived. */
  readonly order: (ask: number) => boolean;
  /** On the scoreboard, for the worker's watchdog. */
  readonly board: (ask: number) => void;
}

/** Asks one worker what its threads are doing. */
export class Inquiry {
  readonly #ways: Ways;
  #number = 0;
  #waiting: Promise<readonly ThreadActivity[] | undefined> | undefined;
  #answer: ((message: StacksMessage | undefined) => void) | undefined;
  /** The last answer; undefined while a question is under way, and when it had no answer. */
  latest: readonly ThreadActivity[] | undefined;

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  /**
   * Resolves with what all threads of the worker are doing, or with undefined when it has not answered in time. A call
   * while a question is under way gets the same answer.
   */
  ask(): Promise<readonly ThreadActivity[] | undefined> {
    this.#waiting ??= this.#ask().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  /** The worker has answered. */
  hear(message: StacksMessage): void {
    if (message.ask === this.#number) this.#answer?.(message);
  }

  /** The worker has ended. */
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
