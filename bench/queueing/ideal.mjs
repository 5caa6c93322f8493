/**
 * Simulates one queue, first come first served, in front of several servers: a free server always takes the head. For
 * Poisson arrivals, this is M/G/n. No server that does not know the lengths of the requests does better.
 *
 * @param {{ at: Float64Array }} trace
 * @param {readonly number[]} services how long each request takes, milliseconds
 * @param {number} servers
 * @returns {Float64Array} latencies, milliseconds
 */
export function idealQueue({ at }, services, servers) {
  const free = new Float64Array(servers);
  return at.map((arrival, index) => {
    const first = free.indexOf(Math.min(...free));
    const end = Math.max(arrival, free[first]) + services[index];
    free[first] = end;
    return end - arrival;
  });
}
