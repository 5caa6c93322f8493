import type { Socket } from 'node:net';
import { peerOf, valuesOf } from '../access/client.js';
import { proxies } from '../access/own.js';
import { idleSince, servedOf } from '../connections/connection.js';
import type { Arrival } from './arrival.js';

/**
 * Since when a request that has just come has waited, of `performance.now()`. The first one of a connection has waited
 * since the connection was accepted.
 */
export function cameAt(socket: Socket): number {
  return servedOf(socket) === 1 ? idleSince(socket) : performance.now();
}

/**
 * How long a request that begins has waited, milliseconds. The first one of a connection has waited since the
 * connection was accepted, any other since its head came. If a trusted proxy says when it got the request, that time
 * counts.
 */
export function waitOf({ request, socket, began, came }: Arrival): number {
  if (proxies !== undefined) {
    const startedAt = requestStart(valuesOf(request.rawHeaders, 'x-request-start'));
    if (startedAt !== undefined && proxies.trusts(peerOf(socket))) return Math.max(0, Date.now() - startedAt);
  }
  if (came > 0) return began - came;
  return servedOf(socket) === 1 ? began - idleSince(socket) : 0;
}

/** A time that is older than this, or as far in the future, is not that of a request. Milliseconds. */
const FAR = 3_600_000;

/**
 * When a proxy got a request, milliseconds since the epoch. There is no standard: nginx writes `t=${msec}`, seconds
 * with a fraction; Heroku writes milliseconds; Apache writes `t=%t`, microseconds. They differ so much that the number
 * itself tells the unit. Undefined for anything else.
 */
export function requestStart(header: string, now: number = Date.now()): number | undefined {
  const digits = /^(?:t=)?(\d{10,19}(?:\.\d{1,9})?)$/.exec(header.trim())?.[1];
  const value = Number(digits);
  for (const unit of [1_000, 1, 1e-3, 1e-6]) {
    if (Math.abs(value * unit - now) < FAR) return value * unit;
  }
  return undefined;
}
