/* The part of the head to head that loads the peers with wrk: requests per second, latencies, CPU. */
import { loadPeer } from '../harness/wrk.mjs';
import { leftOut, start } from './peers.mjs';

/**
 * Up to this number of workers, all peers run on the machine together. With more, each peer is started anew in every
 * round.
 */
const TOGETHER = 32;
/** Rounds at most if the peers are started anew in each, which takes long. */
const ANEW_ROUNDS = 2;

/** Each workload's path. */
export const WORKLOADS = { hello: '', json: 'json', cpu: 'cpu' };
export const KINDS = { close: 'per request', kept: 'kept' };

/**
 * @typedef {{ workload: keyof WORKLOADS, kind: keyof KINDS }} Case
 * @typedef {{ workers: number, entry: import('./peers.mjs').Entry, results: object[] } & Case} Measured results by
 *   round; the result of a round that failed is undefined
 */

/**
 * Measures all workloads with one number of workers.
 *
 * @param {readonly import('./peers.mjs').Entry[]} entries
 * @param {number} workers
 * @param {readonly string[]} workloads
 * @param {{ rounds: number, connections: number, seconds: number, late: () => boolean }} how
 * @returns {Promise<Measured[]>}
 */
export async function measureLoads(entries, workers, workloads, { rounds, late, ...load }) {
  const cases = workloads.flatMap((workload) => Object.keys(KINDS).map((kind) => ({ workload, kind })));
  const measured = entries.flatMap((entry) =>
    cases
      .filter(({ kind }) => kind === 'close' || !entry.closes)
      .map((one) => ({ workers, entry, ...one, results: [] })),
  );
  const apart = workers > TOGETHER;
  const peers = new Map();
  try {
    if (!apart) for (const entry of entries) await join(entry);
    for (let round = 1; round <= (apart ? Math.min(ANEW_ROUNDS, rounds) : rounds) && !late(); round++) {
      console.error(`${workers} workers, round ${round}`);
      if (apart) await anew();
      else for (const one of cases) for (const entry of entries) await measure(entry, one);
    }
  } finally {
    for (const peer of peers.values()) await peer.stop();
  }
  if (late()) leftOut.set(`rounds with ${workers} workers`, 'the time was over');
  return measured.filter(({ results }) => results.some((result) => result !== undefined));

  async function join(entry) {
    console.error(`${workers} workers: ${entry.title}`);
    const peer = await start(entry, workers);
    if (peer === undefined) return;
    peers.set(entry, peer);
    // Warms the peer up, so that its code is compiled before the first round.
    for (const workload of workloads) await attempt(peer, { ...load, path: WORKLOADS[workload], seconds: 1 });
  }

  async function anew() {
    for (const entry of entries) {
      if (late()) return;
      await join(entry);
      for (const one of cases) await measure(entry, one);
      await peers.get(entry)?.stop();
      peers.delete(entry);
    }
  }

  async function measure(entry, { workload, kind }) {
    const own = measured.find((one) => one.entry === entry && one.workload === workload && one.kind === kind);
    if (own === undefined) return;
    const peer = peers.get(entry);
    const how = { ...load, path: WORKLOADS[workload], keepAlive: kind === 'kept', latency: true };
    own.results.push(peer && (await attempt(peer, how)));
  }
}

/** A load that fails costs the peer this result, and does not end the run. */
async function attempt(peer, load) {
  try {
    const result = await loadPeer(peer, load);
    return result.requests > 0 ? result : undefined;
  } catch (error) {
    console.error(`${peer.name}: ${error.message}`);
    return undefined;
  }
}
