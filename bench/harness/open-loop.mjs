import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { keep, stopChild } from './peer.mjs';

const CLIENT = fileURLToPath(new URL('./open-loop-client.mjs', import.meta.url));

/**
 * @typedef {object} Run what became of a trace; times in milliseconds
 * @property {Float64Array} latency from when each request was due to the end of its answer, or to its failure
 * @property {Float64Array} lateness how late each request was sent
 * @property {string[]} failures
 * @property {number} retries requests sent again, since a reused connection had closed before any byte came
 * @property {number} opened connections
 * @property {number} cpu seconds per second, of the client
 */

/** Starts the client. One client does all measurements, so that its code is warm. */
export async function startOpenLoop() {
  const child = keep(fork(CLIENT, { serialization: 'advanced', execArgv: [] }));
  const message = async () => {
    const ended = new AbortController();
    const early = () => ended.abort(new Error('the client of the open loop ended early'));
    child.once('exit', early);
    const [content] = await once(child, 'message', ended);
    child.off('exit', early);
    return content;
  };
  await message();
  return {
    /**
     * Sends a trace to a port.
     *
     * @param {number} port
     * @param {'keep-alive' | 'close'} connection
     * @param {import('./trace.mjs').Trace} trace
     * @returns {Promise<Run>}
     */
    run(port, connection, trace) {
      child.send({ port, connection, ...trace });
      return message();
    },
    stop: () => stopChild(child),
  };
}

/** The percentile by nearest rank: the least value that this share of all values do not exceed. */
export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
