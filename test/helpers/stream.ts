import { once } from 'node:events';
import http from 'node:http';
import { responseTo } from './response.js';
import { inTime } from './wait.js';

/** An answer that is read as it comes. */
export interface Streamed {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** What has come so far. */
  readonly text: () => string;
  /**
   * Resolves at the end of the answer, with all that has come, and whether the client takes the answer for complete.
   */
  readonly over: Promise<{ readonly text: string; readonly whole: boolean }>;
}

/**
 * Sends a GET request. Resolves when the head of the answer has come, and something of its body if there is one;
 * `agent` as in `http.request`.
 */
export async function openStream(url: string, agent: http.Agent | false = false): Promise<Streamed> {
  const request = http.get(url, { agent });
  const response = await inTime(responseTo(request), `the head of ${url}`);
  let text = '';
  // A reset ends the answer too.
  response.on('error', () => undefined);
  response.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  // Not by `once()` of node:events, which rejects when the answer breaks.
  const over = new Promise<{ text: string; whole: boolean }>((resolve) => {
    response.on('close', () => resolve({ text, whole: response.complete }));
  });
  if (response.statusCode === 200) await inTime(Promise.race([once(response, 'data'), over]), `the body of ${url}`);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: () => text,
    over: inTime(over, `the end of ${url}`),
  };
}
