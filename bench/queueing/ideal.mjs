/**
 * One queue, first come first served, before servers of which a free one always takes the head: M/G/n for Poisson
 * arrivals. What no server without knowledge of the requests' lengths does better.
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
