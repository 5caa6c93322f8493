import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cpu } from './proc.mjs';

const run = promisify(execFile);
const LATENCY = fileURLToPath(new URL('./wrk-latency.lua', import.meta.url));
/** A load that has not ended this long after its time has failed. Milliseconds. */
const OVERDUE = 30_000;

/** Ends the script if wrk is missing. */
export function needWrk() {
  if (spawnSync('wrk', ['-v']).error === undefined) return;
  console.error("wrk is not installed: 'apt-get install wrk', 'brew install wrk' or https://github.com/wg/wrk");
  process.exit(2);
}

/** The arguments of wrk for the load. Each request has a new connection, unless `keepAlive` is set. */
export function wrkCommand(port, { connections, seconds, keepAlive = false, path = '' }) {
  const header = keepAlive ? [] : ['-H', 'Connection: close'];
  return ['-t1', `-c${connections}`, `-d${seconds}`, ...header, `http://127.0.0.1:${port}/${path}`];
}

/**
 * Loads a peer for some seconds.
 *
 * @param {import('./peer.mjs').Peer} peer
 * @param {{ connections: number, seconds: number, keepAlive?: boolean, path?: string, latency?: boolean }} load
 *   `latency`: percentiles are wanted too
 */
export async function loadPeer(peer, load) {
  const before = cpu(peer.pid);
  const args = [...(load.latency ? ['-s', LATENCY] : []), ...wrkCommand(peer.port, load)];
  const { stdout } = await run('wrk', args, { timeout: load.seconds * 1_000 + OVERDUE });
  const after = cpu(peer.pid);
  const { requests, rate, failures, percentiles } = parseWrk(stdout);
  const master = after.master - before.master;
  return {
    requests,
    rate,
    failures,
    percentiles,
    /** CPU seconds per second, of the master alone. */
    masterShare: master / load.seconds,
    /** CPU time of all processes of the peer, microseconds. */
    cpuPerRequest: ((master + after.workers - before.workers) / requests) * 1e6,
  };
}

/**
 * What wrk printed: requests, requests per second, failures, and the percentiles if they were asked for (p50, p99 and
 * p99.9, milliseconds). Failures are errors of sockets, and answers that are neither 2xx nor 3xx.
 */
export function parseWrk(text) {
  const number = (pattern) => Number(pattern.exec(text)?.[1] ?? 0);
  const socketErrors = /Socket errors: (.*)/.exec(text)?.[1]?.match(/\d+/g) ?? [];
  const percentiles = /Percentiles: (.*)/.exec(text)?.[1]?.split(' ');
  return {
    percentiles: percentiles?.map((microseconds) => Number(microseconds) / 1_000),
    requests: number(/(\d+) requests in/),
    rate: number(/Requests\/sec:\s+([\d.]+)/),
    failures: socketErrors.reduce((sum, count) => sum + Number(count), number(/Non-2xx or 3xx responses: (\d+)/)),
  };
}
