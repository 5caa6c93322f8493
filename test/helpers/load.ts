import { once } from 'node:events';
import { get } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { responseTo } from './response.js';
import { eventually } from './wait.js';

/**
 * Clients that each send one request after another, each request on a connection of its own, until the load is stopped.
 * Without a pause, they take all CPU.
 */
export class Load {
  /** How many answers with status 200 have come. */
  answered = 0;
  readonly failures: unknown[] = [];
  #stopping = false;
  readonly #clients: Promise<void>[];

  /** @param pause - how long each client waits after an answer, milliseconds. */
  constructor(t: TestContext, url: string, clients: number, pause = 0) {
    this.#clients = Array.from({ length: clients }, () => this.#run(url, pause));
    t.after(() => this.stop());
  }

  /** Waits until this many more requests have been answered. */
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
        // No deadline: some tests leave next to no CPU for the clients.
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
