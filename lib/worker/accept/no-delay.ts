import net from 'node:net';
import { handleOf } from './pausing.js';

/** By which `net.Socket#setNoDelay` remembers what it has set. */
const REMEMBERED = Object.getOwnPropertySymbols(new net.Socket()).find(
  ({ description }) => description === 'kSetNoDelay',
);

/**
 * Sets TCP_NODELAY once on a listening socket, instead of on each connection: those that Linux accepts have what their socket had.
 * To be called once it listens. Returns whether the connections must be marked with {@link markNoDelay}.
 */
export function inheritNoDelay(server: net.Server): boolean {
  if (process.platform !== 'linux' || REMEMBERED === undefined) return false;
  const own = server as net.Server & { noDelay?: boolean };
  const wanted = own.noDelay;
  // Other workers, of other generations too, have the same socket: each says what it wants.
  if (typeof wanted !== 'boolean' || handleOf(server)?.setNoDelay?.(wanted) !== 0 || !wanted) return false;
  own.noDelay = false;
  return true;
}

/** A connection that has inherited TCP_NODELAY knows of it, so that the application can take it back. */
export function markNoDelay(socket: net.Socket): void {
  (socket as unknown as Record<symbol, boolean>)[REMEMBERED as symbol] = true;
}
