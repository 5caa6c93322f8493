/* What the queueing benchmark prints: the rows of its table and the lines of its chart. */
import { atMost } from '../harness/report.mjs';
import { median, ratios, spread } from '../harness/rounds.mjs';

/** Only some peers have targets, from this load on. `cluster` and `ideal` are the greatest ratios of their p99. */
const TARGETS = { load: 75, cluster: 0.5, ideal: 1.25 };
const CLIENTS = { close: 'new connections', 'keep-alive': 'keep-alive' };

export const HEAD = [
  ...['load', 'peer', 'clients', 'p50 fast', 'p99 fast', 'p99 all'],
  ...['/ best cluster', 'target', '/ ideal', 'target', 'CPU µs per request', 'client late', 'failures', 'retries'],
];

/**
 * @typedef {{ median: number, fast: number, all: number }} Figures milliseconds: median and p99 of the fast requests,
 *   and p99 of all
 * @typedef {Figures & { failures: string[], retries: number, late: number, cpuPerRequest: number }} Result
 * @typedef {{ entry: { title: string, color: string, target?: true, cluster?: true }, mode: keyof CLIENTS }} Run
 * @typedef {object} Load the results of one load: those of each run, by round
 * @property {number} load in percent
 * @property {Result[][]} results
 * @property {number} overhead milliseconds that each request of `burdened` takes longer than in `ideal`
 * @property {Figures[]} ideal
 * @property {Figures[]} burdened
 */

/**
 * @param {readonly Run[]} runs
 * @param {readonly Load[]} loads
 */
export function tableRows(runs, loads) {
  return loads.flatMap((measured) => [
    ...runs.map((run, index) => peerRow(run, measured.results[index], measured, bestCluster(runs, measured))),
    ...idealRows(measured),
  ]);
}

/** For each round, the least p99 of the fast requests among the runs of cluster; undefined if cluster did not run. */
function bestCluster(runs, { results, ideal }) {
  const clusters = results.filter((_, index) => runs[index].entry.cluster);
  return clusters.length === 0
    ? undefined
    : ideal.map((_, round) => Math.min(...clusters.map((own) => own[round].fast)));
}

function peerRow({ entry, mode }, own, { load, ideal }, best) {
  const held = entry.target && load >= TARGETS.load;
  const beside = (others, target) => {
    if (others === undefined) return ['', ''];
    const ratio = ratios(of(own, 'fast'), others);
    return [spread(ratio), held ? atMost(target, median(ratio)) : ''];
  };
  const failures = own.flatMap((run) => run.failures);
  if (failures.length > 0) console.error(`${entry.title}, ${mode}: ${failures.slice(0, 3).join('; ')}`);
  return [
    ...[`${load} %`, entry.title, CLIENTS[mode], ...cells(own)],
    ...[...beside(best, TARGETS.cluster), ...beside(of(ideal, 'fast'), TARGETS.ideal)],
    ...[median(of(own, 'cpuPerRequest')).toFixed(0), median(of(own, 'late')).toFixed(1)],
    ...[failures.length, of(own, 'retries').reduce((sum, count) => sum + count, 0)],
  ];
}

function idealRows({ load, ideal, overhead, burdened }) {
  const more = spread(ratios(of(burdened, 'fast'), of(ideal, 'fast')));
  const row = (title, own, ratio) => [`${load} %`, title, '', ...cells(own), '', '', ratio, '', '', '', '', ''];
  return [row('ideal', ideal, ''), row(`ideal, ${overhead.toFixed(2)} ms longer`, burdened, more)];
}

/**
 * The lines of the chart: the medians of the rounds.
 *
 * @param {readonly Run[]} runs
 * @param {readonly Load[]} loads
 */
export function chartSeries(runs, loads) {
  const lines = runs.map(({ entry, mode }, index) => ({
    name: `${entry.title}, ${CLIENTS[mode]}`,
    color: entry.color,
    dash: mode === 'close' ? 'none' : '6 4',
    values: loads.map(({ results }) => median(of(results[index], 'fast'))),
  }));
  const values = loads.map(({ ideal }) => median(of(ideal, 'fast')));
  return [...lines, { name: 'ideal: one queue, simulated', color: '#8c959f', dash: '2 3', values }];
}

function cells(results) {
  return [spread(of(results, 'median'), 1), spread(of(results, 'fast'), 0), spread(of(results, 'all'), 0)];
}

function of(results, key) {
  return results.map((result) => result[key]);
}
