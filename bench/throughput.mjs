/* Claim: requests per second, with a new connection each, reach targets beside the peers; the master does nothing. */
import { installed, startPeers } from './harness/peer.mjs';
import { atLeast, atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

const TARGETS = {
  'cluster round-robin': 1.5,
  'cluster shared handle': 0.95,
  'bare fd 0 loop': 0.95,
  'gunicorn sync': 1.1,
};
const MASTER_TARGET = 1;

needWrk();
const { workers, rounds, ...load } = settings(
  { workers: 2, connections: 16, rounds: 7, seconds: 5 },
  { rounds: 3, seconds: 1 },
);
const names = installed(['prefork', ...Object.keys(TARGETS), 'puma']);
const peers = await startPeers(names, workers);
for (const peer of peers) await loadPeer(peer, { ...load, seconds: Math.min(2, load.seconds) });
const results = await alternate(peers, rounds, (peer) => loadPeer(peer, load));
for (const peer of peers) await peer.stop();

const [ours] = results.map((own) => own.map(({ rate }) => rate));
const rows = results.map((own, index) => {
  const rates = own.map(({ rate }) => rate);
  const target = TARGETS[names[index]];
  const ratio = ratios(ours, rates);
  return [
    names[index],
    spread(rates, 0),
    index === 0 ? '' : spread(ratio),
    target === undefined ? '' : atLeast(target, median(ratio)),
    median(own.map(({ cpuPerRequest }) => cpuPerRequest)).toFixed(0),
    spread(own.map(({ masterShare }) => masterShare * 100)),
    own.reduce((sum, { failures }) => sum + failures, 0),
  ];
});
const masterShare = median(results[0].map((round) => round.masterShare * 100));
report(
  `Throughput: ${workers} workers, ${load.connections} connections, a connection per request`,
  `${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`; median (min-max).`,
  table(
    ['peer', 'requests/s', 'prefork / peer', 'target', 'CPU µs per request', 'master, % of a core', 'failures'],
    rows,
  ),
  `Master of prefork under full load, % of a core: ${masterShare.toFixed(2)}; ${atMost(MASTER_TARGET, masterShare)}`,
);
