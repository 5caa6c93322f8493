import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Asked } from './applications.js';
import { responseTo } from './response.js';
import { eventually } from './wait.js';

/** The most requests of one load: more than any test waits for, so that no load goes on for ever. */
const MOST = 20_000;

/** Sends one request, and throws if it is not answered as it should be. */
export async function ask(address: string, asked: Asked, agent: Agent | false = false): Promise<string> {
  const { path, body, headers, status = 200, answer } = asked;
  const json = body === undefined ? undefined : JSON.stringify(body);
  const sent = request(`${address}${path}`, {
    agent,
    method: json === undefined ? 'GET' : 'POST',
    headers: { ...(json !== undefined && { 'Content-Type': 'application/json' }), ...headers },
  });
  sent.end(json);
  const response = await responseTo(sent);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  assert.equal(response.statusCode, status, `${path}: ${text.slice(0, 2_000)}`);
  assert.match(text, answer, path);
  return text;
}

/**
 * Clients that send the same request again and again. Half of them keep their connections, and half use a new one for
 * each request.
 */
export class AppLoad {
  answered = 0;
  readonly failures: unknown[] = [];
  #stopping = false;
  readonly #clients: Promise<void>[];

  constructor(t: TestContext, address: string, asked: Asked, clients = 4) {
    this.#clients = Array.from({ length: clients }, (_, index) => this.#run(address, asked, index % 2 === 0));
    t.after(() => this.stop());
  }

  /** Waits until this many more requests have been answered, for at most `limit` milliseconds. */
  async more(count: number, limit: number): Promise<void> {
    const goal = this.answered + count;
    await eventually(
      () => this.answered >= goal,
      () => `${goal} answers, ${this.answered} came, ${this.failures.length} failed: ${this.failures[0]}`,
      limit,
    );
  }

  /** Resolves when the last answer has come. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #run(address: string, asked: Asked, keepAlive: boolean): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!this.#stopping && this.answered + this.failures.length < MOST) {
      try {
        await ask(address, asked, agent);
        this.answered++;
      } catch (error) {
        this.failures.push(error);
      }
      // Most of the CPU is left to the workers that boot.
      await delay(5);
    }
    agent.destroy();
  }
}
