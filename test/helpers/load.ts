import { once } from 'node:events';
import { get } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { responseTo } from './response.js';
import { eventually } from './wait.js';

/** Clients that send one request after another, each on a connection of its own, until the load is stopped; without a pause, that is all CPU. */
export class Load {
  /** Answers with status 200. */
  answered = 0;
  readonly failures: unknown[] = [];
  #stopping = false;
  readonly #clients: Promise<void>[];

  /** @param pause - of each client after an answer, milliseconds. */
  constructor(t: TestContext, url: string, clients: number, pause = 0) {
    this.#clients = Array.from({ length: clients }, () => this.#run(url, pause));
    t.after(() => this.stop());
  }

  /** Waits until so many more have been answered. */
  async more(count: number): Promise<void> {
    const goal = this.answered + count;
    await eventually(
      () => this.answered >= goal,
      () => `${goal} answers, ${this.answered} came, ${this.failures.length} failed`,
    );
  }

  /** Resolves when the last answer has come. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #run(url: string, pause: number): Promise<void> {
    while (!this.#stopping) {
      try {
        // As long as it takes: some tests leave next to no CPU.
        const response = await responseTo(get(url, { agent: false }));
        await once(response.resume(), 'end');
        if (response.statusCode === 200) this.answered++;
        else this.failures.push(response.statusCode);
      } catch (error) {
        this.failures.push(error);
      }
      if (pause > 0) await delay(pause);
    }
  }
}
