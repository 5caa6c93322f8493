import type { TestContext } from 'node:test';
import { get, RawClient } from './http.js';
import type { Succession } from './succession.js';

export interface Crowd {
  /**
   * Waits until the worker drains, and lets it go on. Resolves with the answers that are not 200: none, if all clients
   * were served.
   */
  served(): Promise<string[]>;
}

/**
 * Connects clients to an Arbiter of a host. They wait behind a request that holds its only worker, which serves
 * `app.js`.
 */
export async function crowd(
  t: TestContext,
  succession: Succession,
  host: number,
  url: string,
  index = 0,
): Promise<Crowd> {
  const worker = async () => (await succession.call(host, 'stats', [], index)).workers[0];
  const request = get(`${url}/wait`).then(
    ({ status }) => `HTTP/1.1 ${status}`,
    (error) => String(error),
  );
  await succession.until(async () => (await worker()).active === 1, 'a request');
  const waiting = await Promise.all([1, 2, 3].map(() => RawClient.connect(t, url)));
  for (const client of waiting) client.get('/pid');
  return {
    async served() {
      await succession.until(async () => (await worker()).state === 'draining', 'the drain');
      process.kill((await worker()).pid, 'SIGUSR2');
      const answers = await Promise.all([request, ...waiting.map((client) => client.all())]);
      return answers.filter((answer) => !answer.startsWith('HTTP/1.1 200'));
    },
  };
}
