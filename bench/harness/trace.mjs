/* Arrivals of requests: every peer is measured with the same ones. */

/** Uniform random numbers in [0, 1) that depend on the seed alone: mulberry32. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @typedef {{ at: Float64Array, paths: string[] }} Trace when each request is due, in milliseconds, and its path */

/**
 * Poisson arrivals.
 *
 * @param {{ seed: number, rate: number, requests: number, rare: number, paths: [string, string] }} plan `rate` per
 *   second; `rare` is the share of the second path
 * @returns {Trace}
 */
export function poisson({ seed, rate, requests, rare, paths }) {
  const next = random(seed);
  let now = 0;
  // 1 - next() is never 0.
  const at = Float64Array.from({ length: requests }, () => (now -= (Math.log(1 - next()) * 1000) / rate));
  return { at, paths: Array.from({ length: requests }, () => paths[next() < rare ? 1 : 0]) };
}

/** Requests at equal intervals. */
export function steady({ rate, requests, path }) {
  return {
    at: Float64Array.from({ length: requests }, (_, index) => (index * 1000) / rate),
    paths: new Array(requests).fill(path),
  };
}
