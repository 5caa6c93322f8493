import type { Socket } from 'node:net';
import { peerOf, valuesOf } from '../access/client.js';
import { proxies } from '../access/own.js';
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
  if (proxies !== undefined) {
    const startedAt = requestStart(valuesOf(request.rawHeaders, 'x-request-start'));
    if (startedAt !== undefined && proxies.trusts(peerOf(socket))) return Math.max(0, Date.now() - startedAt);
  }
  if (came > 0) return began - came;
  return servedOf(socket) === 1 ? began - idleSince(socket) : 0;
}

/** What is older, or that much in the future, is no time of a request. Milliseconds. */
const FAR = 3_600_000;

/**
 * When a proxy got a request, milliseconds since the epoch. There is no standard: nginx writes `t=${msec}`, seconds with a fraction; Heroku milliseconds;
 * Apache `t=%t`, microseconds. They differ so much that the number tells the unit. Undefined for anything else.
 */
export function requestStart(header: string, now: number = Date.now()): number | undefined {
  const digits = /^(?:t=)?(\d{10,19}(?:\.\d{1,9})?)$/.exec(header.trim())?.[1];
  const value = Number(digits);
  for (const unit of [1_000, 1, 1e-3, 1e-6]) {
    if (Math.abs(value * unit - now) < FAR) return value * unit;
  }
  return undefined;
}
