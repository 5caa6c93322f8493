import type { Socket } from 'node:net';
import { idleSince, servedOf } from '../connections/connection.js';
import type { Arrival } from './arrival.js';

/** From when on the request that has just come waits: the first one of a connection since that was accepted. Of `performance.now()`. */
export function cameAt(socket: Socket): number {
  return servedOf(socket) === 1 ? idleSince(socket) : performance.now();
}

/**
 * How long a request that begins has waited, milliseconds: the first one of a connection since that was accepted, any other one since its
 * head was here. Where a proxy that is trusted says when it got the request, since then.
 */
export function waitOf({ request, socket, began, came }: Arrival): number {
  if (trusted(socket)) {
    const startedAt = requestStart(request.headers['x-request-start']);
    if (startedAt !== undefined) return Math.max(0, Date.now() - startedAt);
  }
  if (came > 0) return began - came;
  return servedOf(socket) === 1 ? began - idleSince(socket) : 0;
}

/** Whether what a client says of itself is to be believed: nobody's is, as long as there is no option that names proxies. */
function trusted(_socket: Socket): boolean {
  return false;
}

/** What is older, or that much in the future, is no time of a request. Milliseconds. */
const FAR = 3_600_000;

/**
 * When a proxy got a request, milliseconds since the epoch. There is no standard: nginx writes `t=${msec}`, seconds with a fraction; Heroku milliseconds;
 * Apache `t=%t`, microseconds. They differ so much that the number tells the unit. Undefined for anything else.
 */
export function requestStart(header: string | string[] | undefined, now: number = Date.now()): number | undefined {
  const digits = /^(?:t=)?(\d{10,19}(?:\.\d{1,9})?)$/.exec(String(header).trim())?.[1];
  const value = Number(digits);
  for (const unit of [1_000, 1, 1e-3, 1e-6]) {
    if (Math.abs(value * unit - now) < FAR) return value * unit;
  }
  return undefined;
}
