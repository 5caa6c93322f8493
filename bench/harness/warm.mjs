import { loadPeer } from './wrk.mjs';

/** V8 has compiled what a short request runs through when a worker has served some thousands; before that, one costs it two to four times as much. */
const ENOUGH = 5_000;
const STEP = 2;

/** Loads a peer until each of its workers has its code compiled, for so many seconds at most. */
export async function warmUp(peer, workers, load, seconds) {
  let left = workers * ENOUGH;
  for (let spent = 0; spent < seconds && left > 0; spent += STEP) {
    const { requests } = await loadPeer(peer, { ...load, seconds: Math.min(STEP, seconds) });
    left -= requests;
  }
}
