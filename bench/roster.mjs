/* Claim: the duty roster (few of the idle workers listen) pays off with many workers, and costs nothing with few. */
import { installed, startPeer } from './harness/peer.mjs';
import { atLeast, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

/** The least ratios, by number of workers: to the same workers without a roster (`off`), and to Gunicorn. */
const TARGETS = new Map([
  [2, { off: 0.98 }],
  [8, { off: 0.98 }],
  [32, { off: 1.5, gunicorn: 1 }],
]);
/** The variable PREFORK_ROSTER says whether there is a roster. Without it the library decides. */
const VARIANTS = [
  { title: 'prefork', name: 'prefork', env: {} },
  { title: 'roster forced', name: 'prefork', env: { PREFORK_ROSTER: 'force' } },
  { title: 'no roster', name: 'prefork', env: { PREFORK_ROSTER: 'off' } },
  { title: 'gunicorn sync', name: 'gunicorn sync', env: {} },
];

needWrk();
const { only, rounds, ...load } = settings(
  { connections: 16, rounds: 5, seconds: 2, only: '' },
  { rounds: 2, seconds: 1 },
);
const counts = [...TARGETS.keys()].filter((workers) => only === '' || only === String(workers));
const names = installed(['prefork', 'gunicorn sync']);
const variants = VARIANTS.filter(({ name }) => names.includes(name));

const rows = [];
for (const workers of counts) {
  console.error(`${workers} workers`);
  const peers = [];
  for (const { name, env } of variants) peers.push(await startPeer(name, workers, undefined, env));
  for (const peer of peers) await loadPeer(peer, { ...load, seconds: 1 });
  const results = await alternate(peers, rounds, (peer) => loadPeer(peer, load));
  for (const peer of peers) await peer.stop();

  const rates = new Map(variants.map(({ title }, index) => [title, results[index].map(({ rate }) => rate)]));
  /** The ratio of a row to another one, and whether it meets its target, if it has one. */
  const beside = (title, other, target) => {
    if (title === other || !rates.has(other)) return ['', ''];
    const ratio = ratios(rates.get(title), rates.get(other));
    return [spread(ratio), title === 'prefork' && target !== undefined ? atLeast(target, median(ratio)) : ''];
  };
  for (const [index, { title }] of variants.entries()) {
    rows.push([
      ...[workers, title, spread(rates.get(title), 0)],
      ...beside(title, 'no roster', TARGETS.get(workers).off),
      ...beside(title, 'gunicorn sync', TARGETS.get(workers).gunicorn),
      median(results[index].map(({ cpuPerRequest }) => cpuPerRequest)).toFixed(0),
      results[index].reduce((sum, { failures }) => sum + failures, 0),
    ]);
  }
}
report(
  `Duty roster: ${counts.join(', ')} sync workers, ${load.connections} connections, a connection per request`,
  `${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`; median (min-max). *prefork* decides itself; \`PREFORK_ROSTER\` is
\`force\` and \`off\` in the two rows below it.`,
  table(
    [
      'workers',
      'peer',
      'requests/s',
      '/ no roster',
      'target',
      '/ gunicorn',
      'target',
      'CPU µs per request',
      'failures',
    ],
    rows,
  ),
);
