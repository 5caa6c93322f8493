import { inspect } from 'node:util';

/**
 * What a place, one unit of {@link HttpWorker.capacity}, is for: a connection, or a request. With `'requests'`, a
 * connection may stay open without a place.
 */
export type Places = 'connections' | 'requests';

/** Throws a `TypeError` for anything else: such a worker would serve by the rules of neither. */
export function checkPlaces(name: string, places: unknown): void {
  if (places === 'connections' || places === 'requests') return;
  throw new TypeError(`${name}: places: expected 'connections' or 'requests', got ${inspect(places, { depth: 0 })}`);
}
