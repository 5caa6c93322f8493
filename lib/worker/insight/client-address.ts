import { type Peer, peersOf } from '../../system/peers.js';
import type { SlowRecord } from './slow-record.js';

/**
 * The address of the client whose request came last, as another thread can find it; undefined if it is not known.
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
 * The address of the client whose request hangs; undefined if it is not known.
 *
 * @param waiting - the descriptors of the clients that wait for the head of a response. If there is none, the head of
 * the hanging request's response has been sent, or the connection uses TLS. If there are several, it is not known
 * whose request hangs.
 * @param peers - the other end of each of these connections.
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
