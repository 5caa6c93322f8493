import net from 'node:net';
import { handleOf } from './pausing.js';

/** The symbol under which `net.Socket#setNoDelay` remembers what it has set. */
const REMEMBERED = Object.getOwnPropertySymbols(new net.Socket()).find(
  ({ description }) => description === 'kSetNoDelay',
);

/**
 * Sets TCP_NODELAY once on a listening socket, instead of on each connection: on Linux, accepted connections inherit
 * it. To be called once the server listens. Returns whether the connections must be marked with {@link markNoDelay}.
 */
export function inheritNoDelay(server: net.Server): boolean {
  if (process.platform !== 'linux' || REMEMBERED === undefined) return false;
  const own = server as net.Server & { noDelay?: boolean };
  const wanted = own.noDelay;
  // Other workers, also of other generations, share the socket, so each one sets what it wants, true or false.
  if (typeof wanted !== 'boolean' || handleOf(server)?.setNoDelay?.(wanted) !== 0 || !wanted) return false;
  own.noDelay = false;
  return true;
}

/**
 * Tells a connection that it has inherited TCP_NODELAY, so that the application's `setNoDelay(false)` has an effect.
 */
export function markNoDelay(socket: net.Socket): void {
  (socket as unknown as Record<symbol, boolean>)[REMEMBERED as symbol] = true;
}
