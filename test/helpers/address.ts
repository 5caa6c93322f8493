import http from 'node:http';
import type { Answer } from './http.js';
import { responseTo } from './response.js';
import { inTime } from './wait.js';

/** An entry of `Arbiter#addresses` as it comes over IPC. */
export type Address = string | { readonly address: string; readonly port: number };

/** Sends one request to a TCP address or a Unix socket, on a connection of its own. */
export async function getFrom(to: Address, path = '/'): Promise<Answer> {
  const where = typeof to === 'string' ? { socketPath: to } : { host: to.address, port: to.port };
  const request = http.get({ ...where, path, agent: false });
  const response = await inTime(responseTo(request), `an answer of ${JSON.stringify(to)}`);
  let body = '';
  for await (const text of response.setEncoding('utf8')) body += text;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
