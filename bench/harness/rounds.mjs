/**
 * Measures the peers in turn, A B C A B C …. A machine is faster at one time than at another, so only results of the
 * same round are compared.
 *
 * @template P, R
 * @param {readonly P[]} peers
 * @param {number} rounds
 * @param {(peer: P, round: number) => Promise<R>} measure is called with the number of the round, from 1
 * @returns {Promise<R[][]>} for each peer its results, one per round
 */
export async function alternate(peers, rounds, measure) {
  const results = peers.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    console.error(`round ${round} of ${rounds}`);
    for (const [index, peer] of peers.entries()) results[index].push(await measure(peer, round));
  }
  return results;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** Our value divided by theirs, for each round. */
export function ratios(ours, theirs) {
  return ours.map((value, round) => value / theirs[round]);
}

/** `median (min-max)` */
export function spread(values, digits = 2) {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  return `${middle.toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`;
}
