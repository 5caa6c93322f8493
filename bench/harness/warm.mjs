import { loadPeer } from './wrk.mjs';

/**
 * Requests for each worker. When a worker has served some thousands of short requests, V8 has compiled their code.
 * Before that, a request costs two to four times as much.
 */
const ENOUGH = 5_000;
const STEP = 2;

/** Loads a peer until its workers have served ENOUGH requests each on average, for `seconds` at most. */
export async function warmUp(peer, workers, load, seconds) {
  let left = workers * ENOUGH;
  for (let spent = 0; spent < seconds && left > 0; spent += STEP) {
    const { requests } = await loadPeer(peer, { ...load, seconds: Math.min(STEP, seconds) });
    left -= requests;
  }
}
