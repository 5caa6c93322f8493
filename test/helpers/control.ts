import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { inTime } from './wait.js';

/** The address of a control. */
export type ControlPlace = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface ControlAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body of an answer in JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every endpoint.
  readonly body: any;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends one request to the control, on a connection of its own. Without `headers`, it is what curl sends. */
export function ask(
  place: ControlPlace,
  path: string,
  { method = 'GET', headers, body }: Asking = {},
): Promise<ControlAnswer> {
  const host = 'port' in place ? `${place.host}:${place.port}` : 'localhost';
  const answer = new Promise<ControlAnswer>((resolve, reject) => {
    const outgoing = request({
      ...place,
      path,
      method,
      agent: false,
      setHost: false,
      headers: { Host: host, ...headers },
    });
    outgoing.once('error', reject);
    outgoing.once('response', (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('error', reject);
      response.once('end', () => {
        const json = response.headers['content-type'] === 'application/json' && text !== '';
        const { statusCode: status = 0, headers: got } = response;
        resolve({ status, headers: got, text, body: json ? JSON.parse(text) : undefined });
      });
    });
    outgoing.end(body);
  });
  return inTime(answer, `the answer to ${method} ${path}`);
}

export const tell = (place: ControlPlace, path: string, asking: Asking = {}): Promise<ControlAnswer> =>
  ask(place, path, { method: 'POST', ...asking });
