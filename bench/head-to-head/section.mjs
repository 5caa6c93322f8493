/* What the head to head prints: the rows of its two tables, and its charts. */
import { median, ratios, spread } from '../harness/rounds.mjs';
import { plot } from '../queueing/plot.mjs';
import { KINDS } from './loads.mjs';

const TITLES = { hello: 'hello', json: '10 KB JSON', cpu: '1 ms of CPU' };
/**
 * The peer that the others are compared with. Where connections are kept it is another one, since sync closes each
 * connection.
 */
const BASE = { close: 'prefork sync', kept: 'prefork async' };

export const LOAD_HEAD = [
  ...['workload', 'connection', 'workers', 'peer', 'requests/s', 'prefork / peer', 'p50, ms', 'p99, ms', 'p99.9, ms'],
  ...['CPU µs per request', 'master, % of a core', 'failures'],
];

/** @param {readonly import('./loads.mjs').Measured[]} measured */
export function loadRows(measured) {
  const order = Object.keys(TITLES);
  const kinds = Object.keys(KINDS);
  const sorted = measured.toSorted(
    (one, other) =>
      order.indexOf(one.workload) - order.indexOf(other.workload) ||
      kinds.indexOf(one.kind) - kinds.indexOf(other.kind) ||
      one.workers - other.workers,
  );
  return sorted.map((one) => loadRow(one, baseOf(measured, one)));
}

function baseOf(measured, { workload, kind, workers }) {
  return measured.find(
    (one) =>
      one.workload === workload && one.kind === kind && one.workers === workers && one.entry.title === BASE[kind],
  );
}

function loadRow(measured, base) {
  const { workload, kind, workers, entry } = measured;
  const results = measured.results.filter((result) => result !== undefined);
  const of = (read) => results.map(read);
  // Only rounds of which both peers have a result.
  const both = measured.results.map((own, round) => [base?.results[round], own]).filter((pair) => pair.every(Boolean));
  const ratio = ratios(
    both.map(([ours]) => ours.rate),
    both.map(([, theirs]) => theirs.rate),
  );
  const percentile = (index) => figure(of(({ percentiles }) => percentiles[index]));
  return [
    ...[
      TITLES[workload],
      KINDS[kind],
      workers,
      entry.title,
      spread(
        of(({ rate }) => rate),
        0,
      ),
    ],
    base === measured || ratio.length === 0 ? '' : spread(ratio),
    ...[percentile(0), percentile(1), percentile(2), median(of(({ cpuPerRequest }) => cpuPerRequest)).toFixed(0)],
    entry.threads === 'one process' ? '–' : median(of(({ masterShare }) => masterShare * 100)).toFixed(1),
    of(({ failures }) => failures).reduce((sum, count) => sum + count, 0) + (measured.results.length - results.length),
  ];
}

/** The median, with about three significant digits. */
function figure(values) {
  const value = median(values);
  return value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0);
}

export const SINGLE_HEAD = [
  ...['peer', 'system calls per request', 'kept', 'MB per worker', 'MB of the master', 'boot, ms'],
  ...['kill -9 to the next answer, ms', 'TLS handshakes/s'],
];

/**
 * @param {readonly { title: string }[]} entries
 * @param {{ calls: Map, memory: Map, life: Map, tls: Map }} found by entry
 */
export function singleRows(entries, { calls, memory, life, tls }) {
  return entries.map((entry) => {
    const lives = life.get(entry) ?? [];
    const times = (key) => lives.map((one) => one[key]).filter((value) => value !== undefined);
    return [
      entry.title,
      ...[calls.get(entry)?.close, calls.get(entry)?.kept].map((value) => value?.toFixed(1) ?? '–'),
      ...[memory.get(entry)?.worker, memory.get(entry)?.master].map((value) => value?.toFixed(1) ?? '–'),
      ...[times('boot'), times('respawn'), tls.get(entry) ?? []].map((all) => (all.length > 0 ? spread(all, 0) : '–')),
    ];
  });
}

/**
 * Charts of hello world over the number of workers. There are none if only one number of workers was measured.
 *
 * @param {readonly import('./loads.mjs').Measured[]} measured
 * @returns {{ file: string, title: string, svg: string }[]}
 */
export function charts(measured, counts) {
  const rate = ({ rate }) => rate;
  const latency = ({ percentiles }) => percentiles[1];
  return [
    ['head-to-head-close.svg', 'Hello world, a connection per request', 'requests per second', 'close', rate],
    ['head-to-head-kept.svg', 'Hello world, connections are kept', 'requests per second', 'kept', rate],
    ['head-to-head-p99.svg', '99th percentile, a connection per request', 'milliseconds', 'close', latency],
  ].flatMap(([file, title, unit, kind, read]) => {
    const series = lines(measured, counts, kind, read);
    if (series.length === 0 || counts.length < 2) return [];
    // The places on the axis are equally far apart, since the numbers of workers are roughly powers of two.
    const loads = counts.map((_, index) => index);
    return [{ file, title, svg: plot({ title, unit, axis: 'workers', loads, labels: counts.map(String), series }) }];
  });
}

function lines(measured, counts, kind, read) {
  const own = measured.filter((one) => one.workload === 'hello' && one.kind === kind);
  return [...new Set(own.map(({ entry }) => entry))].map((entry) => ({
    ...{ name: entry.title, color: entry.color, dash: entry.dash },
    values: counts.map((workers) => {
      const found = own.find((one) => one.entry === entry && one.workers === workers);
      return found && median(found.results.filter((result) => result !== undefined).map(read));
    }),
  }));
}
