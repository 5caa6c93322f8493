/*
 * Claim: an access log in a file costs less than a twentieth of the throughput of a hello world, per connection and kept, in any class. Both are started anew for each
 * round; `off again` shows the noise.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPeer } from './harness/peer.mjs';
import { atLeast, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

const TARGET = 0.95;
const CLASSES = { prefork: [true], 'prefork threaded': [true, false], 'prefork async': [true, false] };
const WAYS = ['off', 'off again', 'combined', 'json'];

needWrk();
const { rounds, ...load } = settings({ connections: 16, rounds: 9, seconds: 3 }, { rounds: 3 });
const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const runs = Object.entries(CLASSES).flatMap(([name, kept]) =>
  kept.flatMap((close) => WAYS.map((way) => ({ name, close, way }))),
);

async function measure({ name, close, way }) {
  const path = join(folder, 'access.log');
  const log = way.startsWith('off') ? {} : { accessLog: { path, format: way } };
  const peer = await startPeer(name, 1, { options: { ...(name === 'prefork threaded' && { threads: 1 }), ...log } });
  await loadPeer(peer, { ...load, seconds: 1, keepAlive: !close });
  const result = await loadPeer(peer, { ...load, keepAlive: !close });
  await peer.stop();
  // So that the disk does not fill.
  rmSync(path, { force: true });
  return result;
}

const results = await alternate(runs, rounds, measure);
const rows = runs.map(({ name, close, way }, index) => {
  const own = results[index];
  const off = results[runs.findIndex((run) => run.name === name && run.close === close && run.way === 'off')];
  const of = (list, key) => list.map((result) => result[key]);
  const [rate, cpu] = ['rate', 'cpuPerRequest'].map((key) => ratios(of(own, key), of(off, key)));
  return [
    ...[name, close ? 'new' : 'kept', way, spread(of(own, 'rate'), 0)],
    ...(way === 'off' ? ['', ''] : [spread(rate), spread(cpu)]),
    way.startsWith('off') ? '' : atLeast(TARGET, median(rate)),
    own.reduce((sum, { failures }) => sum + failures, 0),
  ];
});

report(
  'What an access log costs',
  `One worker (one thread), hello world, the log in a file; ${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`, processes of its own for each; median (min-max).`,
  table(
    ['class', 'connections', 'log', 'requests/s', 'requests/s / off', 'CPU per request / off', 'target', 'failures'],
    rows,
  ),
);
