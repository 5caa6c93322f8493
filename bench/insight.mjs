/*
 * What insight costs a hello world: metrics that are read each 100 ms, an access log to a file, and reports of slow
 * requests. Each alone, and all together, are compared with none. The target: with all on, at most a twentieth of the
 * throughput is lost.
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
/** Milliseconds. */
const METRICS_EACH = 100;
const SLOW_AFTER = 1_000;
const CLASSES = { prefork: [true], 'prefork threaded': [true, false], 'prefork async': [true, false] };

needWrk();
const { rounds, ...load } = settings({ connections: 16, rounds: 9, seconds: 3 }, { rounds: 3, seconds: 2 });
const folder = mkdtempSync(join(tmpdir(), 'prefork-insight-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let logs = 0;

/** What each kind adds to the setup of a peer. */
const KINDS = {
  off: () => ({}),
  'slow reports': () => ({ options: { slowAfter: SLOW_AFTER } }),
  metrics: () => ({ metricsEach: METRICS_EACH }),
  'access log': () => ({ options: { accessLog: join(folder, `access-${++logs}.log`) } }),
  'all on': () => ({
    ...KINDS.metrics(),
    options: { ...KINDS['slow reports']().options, ...KINDS['access log']().options },
  }),
};
const [off] = Object.keys(KINDS);
const cases = Object.entries(CLASSES).flatMap(([name, ways]) => ways.map((close) => ({ name, close })));
const runs = cases.flatMap((one) => Object.keys(KINDS).map((kind) => ({ ...one, kind })));

async function measure({ name, close, kind }) {
  const { options, ...setup } = KINDS[kind]();
  const threads = name === 'prefork threaded' ? { threads: 1 } : {};
  const peer = await startPeer(name, 1, { ...setup, options: { ...threads, ...options } });
  await loadPeer(peer, { ...load, seconds: 1, keepAlive: !close });
  const result = await loadPeer(peer, { ...load, keepAlive: !close });
  await peer.stop();
  return result;
}

const results = await alternate(runs, rounds, measure);
const rows = runs.map(({ name, close, kind }, index) => {
  const own = results[index];
  const base = results[runs.findIndex((run) => run.name === name && run.close === close && run.kind === off)];
  const [rate, cpu] = ['rate', 'cpuPerRequest'].map((key) => {
    const [ours, theirs] = [own, base].map((list) => list.map((result) => result[key]));
    return ratios(ours, theirs);
  });
  return [
    ...[name, close ? 'new' : 'kept', kind],
    spread(
      own.map((result) => result.rate),
      0,
    ),
    ...(kind === off ? ['', ''] : [spread(rate), spread(cpu)]),
    kind === 'all on' ? atLeast(TARGET, median(rate)) : '',
    own.reduce((sum, { failures }) => sum + failures, 0),
  ];
});
report(
  'Insight: slow reports, metrics and an access log',
  `One worker (one thread), hello world; ${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`, processes of its own for each; \`slowAfter: ${SLOW_AFTER}\`, \`metrics()\` each ${METRICS_EACH} ms, \`accessLog\` to a file; median (min-max).`,
  table(['class', 'connections', 'on', 'requests/s', '/ off', 'CPU per request / off', 'target', 'failures'], rows),
);
