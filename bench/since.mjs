/*
 * Claim: this build is hardly slower than an earlier one, in any worker class, with new and with kept connections. The
 * earlier build is a separate checkout that has been built: `node bench/since.mjs --base=../earlier`. Both are started
 * anew for each round, since two processes of one build differ too. How much they differ is in the rows "base again".
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startPeer } from './harness/peer.mjs';
import { atLeast, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { loadPeer, needWrk, wrkCommand } from './harness/wrk.mjs';

const TARGET = 0.98;
const CLASSES = { prefork: [true], 'prefork threaded': [true, false], 'prefork async': [true, false] };

needWrk();
const { base, rounds, ...load } = settings({ base: '', connections: 16, rounds: 15, seconds: 3 }, { rounds: 5 });
if (base === '') throw new Error("expected the folder of an earlier build, got none: '--base=../earlier'");
const earlier = pathToFileURL(resolve(base, 'dist/index.js')).href;
const BUILDS = { base: earlier, 'base again': earlier, this: new URL('../dist/index.js', import.meta.url).href };
const [beginning] = Object.keys(BUILDS);

const CASES = Object.entries(CLASSES).flatMap(([name, ways]) => ways.map((close) => ({ name, close })));
const runs = CASES.flatMap((one) => Object.entries(BUILDS).map(([build, url]) => ({ ...one, build, url })));

async function measure({ name, close, url }) {
  const setup = { options: name === 'prefork threaded' ? { threads: 1 } : {} };
  const peer = await startPeer(name, 1, setup, { PREFORK_BUILD: url });
  await loadPeer(peer, { ...load, seconds: 1, keepAlive: !close });
  const result = await loadPeer(peer, { ...load, keepAlive: !close });
  await peer.stop();
  return result;
}

const results = await alternate(runs, rounds, measure);
const rows = runs.map(({ name, close, build }, index) => {
  const own = results[index];
  const first = results[runs.findIndex((run) => run.name === name && run.close === close && run.build === beginning)];
  const of = (list, key) => list.map((result) => result[key]);
  const [rate, cpu] = ['rate', 'cpuPerRequest'].map((key) => ratios(of(own, key), of(first, key)));
  const compared = build !== beginning;
  return [
    ...[name, close ? 'new' : 'kept', build, spread(of(own, 'rate'), 0)],
    compared ? `${spread(rate)} ± ${error(rate).toFixed(3)}` : '',
    compared ? `${spread(cpu)} ± ${error(cpu).toFixed(3)}` : '',
    build === 'this' ? atLeast(TARGET, median(rate)) : '',
    own.reduce((sum, { failures }) => sum + failures, 0),
  ];
});

/** The standard error of the mean. */
function error(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length);
}

report(
  'Throughput beside an earlier build',
  `One worker (one thread), hello world; ${rounds} alternating rounds of \`wrk ${wrkCommand('PORT', load).join(' ')}\`, processes of its own for each; median (min-max) ± standard error.`,
  table(
    [
      'class',
      'connections',
      'build',
      'requests/s',
      'requests/s / base',
      'CPU per request / base',
      'target',
      'failures',
    ],
    rows,
  ),
);
