/* TLS handshakes by `openssl s_time`: a client in C, so that the server is the bottleneck and not the client. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpu } from './proc.mjs';

const run = promisify(execFile);

/** Ends the script if openssl is missing. */
export function needOpenssl() {
  if (spawnSync('openssl', ['version']).error === undefined) return;
  console.error("openssl is not installed: 'apt-get install openssl'");
  process.exit(2);
}

/** A new key and a self-signed certificate of it, as PEM. */
export function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-'));
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const kind = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
    execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The arguments of openssl for the load: one request over each connection. With `reuse`, each connection offers the TLS
 * session of the first one.
 */
export function sTimeCommand(port, { version, reuse, seconds }) {
  const how = [`-tls${version.replace('.', '_')}`, reuse ? '-reuse' : '-new'];
  return ['s_time', '-connect', `127.0.0.1:${port}`, '-www', '/', ...how, '-time', String(seconds)];
}

/**
 * Loads a peer for some seconds, with `clients` processes of openssl at once.
 *
 * @param {import('./peer.mjs').Peer} peer
 * @param {{ clients: number, version: string, reuse: boolean, seconds: number }} load
 */
export async function shakeHands(peer, { clients, ...load }) {
  const before = cpu(peer.pid);
  const command = sTimeCommand(peer.port, load);
  const client = async () => {
    const start = performance.now();
    const { stdout } = await run('openssl', command);
    // openssl counts whole seconds, and goes on until one is full, so the time is taken here.
    return parse(stdout, (performance.now() - start) / 1_000);
  };
  const counts = await Promise.all(Array.from({ length: clients }, client));
  const after = cpu(peer.pid);
  const sum = (name) => counts.reduce((total, one) => total + one[name], 0);
  const used = after.master - before.master + after.workers - before.workers;
  return {
    rate: sum('rate'),
    /** The share of the connections whose session was resumed, percent. */
    resumed: (sum('resumed') / sum('connections')) * 100,
    /** CPU time of all processes of the peer, microseconds. */
    cpuPerConnection: (used / sum('connections')) * 1e6,
  };
}

/** openssl prints a letter for each connection, `r` for a resumed one, and then the sums. */
function parse(text, seconds) {
  const connections = Number(/(\d+) connections in \d+ real seconds/.exec(text)?.[1]);
  const letters = /^[rtT*]+$/m.exec(text)?.[0] ?? '';
  return { connections, rate: connections / seconds, resumed: letters.replaceAll(/[^r]/g, '').length };
}
