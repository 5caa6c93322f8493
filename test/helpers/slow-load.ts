import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { responseTo } from './response.js';
import { inTime } from './wait.js';

export interface SlowLoad {
  /**
   * How many slow requests are sent, and by how many clients at once. Other clients send requests beside them until
   * they are done.
   */
  readonly slow: number;
  readonly slowClients: number;
  readonly otherClients: number;
  /** How long each other client waits after an answer, milliseconds. Without a pause, they take all CPU. */
  readonly pause?: number;
}

export interface LoadResult {
  readonly sent: number;
  /** The requests that were not answered 200 with their own path and the checksum of their own body. */
  readonly wrong: readonly string[];
  /** How long each request of the other clients took, milliseconds, in ascending order. */
  readonly times: readonly number[];
}

/** Sends slow requests among others. Each has a body of its own, and its answer must have the checksum of that. */
export async function slowLoad(
  url: string,
  { slow, slowClients, otherClients, pause = 0 }: SlowLoad,
): Promise<LoadResult> {
  const wrong: string[] = [];
  const times: number[] = [];
  let [sent, left, busy] = [0, slow, true];
  const agent = new http.Agent({ keepAlive: true });
  const ask = async (path: string): Promise<void> => {
    sent++;
    const body = randomBytes(1 + Math.floor(Math.random() * 20_000));
    const expected = `${path} ${createHash('sha256').update(body).digest('hex')}`;
    try {
      const answer = await post(agent, `${url}${path}`, body);
      if (answer !== `200 ${expected}`) wrong.push(`${path}: ${answer}`);
    } catch (error) {
      wrong.push(`${path}: ${error}`);
    }
  };
  const slowClient = async (): Promise<void> => {
    while (left > 0) await ask(`/slow/${left--}`);
  };
  const otherClient = async (_: unknown, client: number): Promise<void> => {
    for (let number = 0; busy; number++) {
      const begun = performance.now();
      await ask(`/other/${client}/${number}`);
      times.push(performance.now() - begun);
      if (pause > 0) await delay(pause);
    }
  };
  const others = Array.from({ length: otherClients }, otherClient);
  await Promise.all(Array.from({ length: slowClients }, slowClient));
  busy = false;
  await Promise.all(others);
  agent.destroy();
  return { sent, wrong, times: times.sort((a, b) => a - b) };
}

async function post(agent: http.Agent, url: string, body: Buffer): Promise<string> {
  const request = http.request(url, { method: 'POST', agent, headers: { 'content-length': body.length } });
  request.end(body);
  const response = await inTime(responseTo(request), `an answer to ${url}`);
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return `${response.statusCode} ${text}`;
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
