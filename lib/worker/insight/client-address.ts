import { type Peer, peersOf } from '../../system/peers.js';
import type { SlowRecord } from './slow-record.js';

/**
 * The address of the client whose request came last, as seen from another thread; undefined where nobody knows.
 *
 * @param sockets - the listening sockets, see {@link peersOf}.
 */
export function clientAddress(
  { client, address }: Pick<SlowRecord, 'client' | 'address'>,
  sockets: readonly (number | string)[],
): string | undefined {
  return address ?? (client >= 0 ? peersOf([client], sockets).get(client)?.address : undefined);
}

/**
 * The address of the client whose request hangs.
 *
 * @param waiting - the descriptors of those that wait for the head of an answer, and who is there. If nobody does, the head of that request has been
 *   sent, or goes over TLS. Of several, nobody knows which one it is.
 */
export function hungAddress(
  waiting: readonly number[],
  peers: ReadonlyMap<number, Peer>,
  record: Pick<SlowRecord, 'client' | 'address'>,
  sockets: readonly (number | string)[],
): string | undefined {
  const [client] = waiting;
  if (client === undefined) return clientAddress(record, sockets);
  return waiting.length === 1 ? peers.get(client)?.address : undefined;
}
