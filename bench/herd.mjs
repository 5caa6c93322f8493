/* No claim: this shows what it costs that every idle worker wakes for every connection, beside cluster and Gunicorn. */
import { installed, startPeers } from './harness/peer.mjs';
import { report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { warmUp } from './harness/warm.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

const COUNTS = [1, 2, 8, 32];

needWrk();
const { rounds, warm, ...load } = settings(
  { connections: 16, rounds: 5, seconds: 3, warm: 30 },
  { rounds: 2, seconds: 1, warm: 4 },
);
const names = installed(['prefork', 'cluster round-robin', 'cluster shared handle', 'gunicorn sync']);

const rows = [];
for (const workers of COUNTS) {
  console.error(`${workers} workers`);
  const peers = await startPeers(names, workers);
  for (const peer of peers) await warmUp(peer, workers, load, warm);
  const results = await alternate(peers, rounds, (peer) => loadPeer(peer, load));
  for (const peer of peers) await peer.stop();
  const rates = results.map((own) => own.map(({ rate }) => rate));
  for (const [index, own] of results.entries()) {
    rows.push([
      workers,
      names[index],
      spread(rates[index], 0),
      index === 0 ? '' : spread(ratios(rates[0], rates[index])),
      median(own.map(({ cpuPerRequest }) => cpuPerRequest)).toFixed(0),
      own.reduce((sum, { failures }) => sum + failures, 0),
    ]);
  }
}
report(
  `Herd: 1 to ${COUNTS.at(-1)} workers, ${load.connections} connections, a connection per request`,
  `${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`; median (min-max). Before, each peer is loaded until its workers have served 5,000 requests each, for ${warm} s at most: until then their code is not compiled.`,
  table(['workers', 'peer', 'requests/s', 'prefork / peer', 'CPU µs per request', 'failures'], rows),
);
