/* Claim: any worker resumes a TLS session, as with `cluster`. It also shows what a handshake costs beside `cluster`. */
import { startPeer } from './harness/peer.mjs';
import { atLeast, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { certificate, needOpenssl, shakeHands, sTimeCommand } from './harness/s-time.mjs';
import { settings } from './harness/settings.mjs';

const TARGET = 98;
const NAMES = ['prefork', 'prefork async', 'cluster shared handle', 'cluster round-robin'];
const OURS = NAMES.filter((name) => name.startsWith('prefork'));

needOpenssl();
const { workers, clients, rounds, seconds } = settings(
  { workers: 4, clients: 4, rounds: 7, seconds: 2 },
  { rounds: 3, seconds: 1 },
);
const tls = certificate();
const peers = [];
for (const name of NAMES) {
  const options = { tls, keepAlive: 0 };
  peers.push(await startPeer(name, workers, { tls, ...(OURS.includes(name) && { options }) }));
}
const loads = ['1.2', '1.3'].flatMap((version) => [true, false].map((reuse) => ({ clients, version, reuse, seconds })));
const rows = [];
for (const load of loads) {
  for (const peer of peers) await shakeHands(peer, { ...load, seconds: 1 });
  const results = await alternate(peers, rounds, (peer) => shakeHands(peer, load));
  const rates = results.map((own) => own.map(({ rate }) => rate));
  const shared = rates[NAMES.indexOf('cluster shared handle')];
  for (const [index, own] of results.entries()) {
    const name = NAMES[index];
    const ratio = ratios(rates[index], shared);
    const resumed = own.map((round) => round.resumed);
    rows.push([
      `TLS ${load.version}, ${load.reuse ? 'resumed' : 'full'}`,
      name,
      spread(rates[index], 0),
      spread(ratio),
      load.reuse ? spread(resumed, 1) : '',
      load.reuse && OURS.includes(name) ? atLeast(TARGET, Math.min(...resumed)) : '',
      median(own.map(({ cpuPerConnection }) => cpuPerConnection)).toFixed(0),
    ]);
  }
}
for (const peer of peers) await peer.stop();

report(
  `TLS: ${workers} workers, ${clients} clients, a connection for each request`,
  `${rounds} alternating rounds of \`openssl ${sTimeCommand('PORT', loads[0]).join(' ')}\` (full: \`-new\`), ${clients} at once; RSA 2048. Median (min-max).`,
  table(
    [
      'handshake',
      'peer',
      'connections/s',
      '/ cluster shared',
      'target',
      'resumed, %',
      'target',
      'CPU µs per connection',
    ],
    rows,
  ),
);
