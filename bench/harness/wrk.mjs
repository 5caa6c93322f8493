import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { cpu } from './proc.mjs';

const run = promisify(execFile);

/** Ends the script where wrk is missing. */
export function needWrk() {
  if (spawnSync('wrk', ['-v']).error === undefined) return;
  console.error("wrk is not installed: 'apt-get install wrk', 'brew install wrk' or https://github.com/wg/wrk");
  process.exit(2);
}

/** The load's command line; a new connection for each request, unless it is to be `keepAlive`. */
export function wrkCommand(port, { connections, seconds, keepAlive = false }) {
  const header = keepAlive ? [] : ['-H', 'Connection: close'];
  return ['-t1', `-c${connections}`, `-d${seconds}`, ...header, `http://127.0.0.1:${port}/`];
}

/**
 * Loads a peer for some seconds.
 *
 * @param {import('./peer.mjs').Peer} peer
 * @param {{ connections: number, seconds: number, keepAlive?: boolean }} load
 */
export async function loadPeer(peer, load) {
  const before = cpu(peer.pid);
  const { stdout } = await run('wrk', wrkCommand(peer.port, load));
  const after = cpu(peer.pid);
  const { requests, rate, failures } = parseWrk(stdout);
  const master = after.master - before.master;
  return {
    rate,
    failures,
    /** CPU seconds per second, of the master alone. */
    masterShare: master / load.seconds,
    /** Microseconds of all processes of the peer. */
    cpuPerRequest: ((master + after.workers - before.workers) / requests) * 1e6,
  };
}

/** Requests, requests per second, and how many answers were not 2xx or broken. */
export function parseWrk(text) {
  const number = (pattern) => Number(pattern.exec(text)?.[1] ?? 0);
  const socketErrors = /Socket errors: (.*)/.exec(text)?.[1]?.match(/\d+/g) ?? [];
  return {
    requests: number(/(\d+) requests in/),
    rate: number(/Requests\/sec:\s+([\d.]+)/),
    failures: socketErrors.reduce((sum, count) => sum + Number(count), number(/Non-2xx or 3xx responses: (\d+)/)),
  };
}
