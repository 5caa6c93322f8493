/*
 * The samples of a metric, each with labels of its own: how those of several sources become one, and whether they go on
 * counting.
 */
import type { Aggregator, MetricType, OwnMetric } from '../../protocol/metrics.js';
import type { Labels, Sample } from './exposition.js';

/** Samples by {@link keyOf}. */
export type Series = ReadonlyMap<string, Sample>;

export function seriesOf({ type, samples }: OwnMetric): Series {
  const series = new Map<string, Sample>();
  for (const sample of samples) {
    // The quantiles of several workers cannot be combined.
    if (type === 'summary' && 'quantile' in sample.labels) continue;
    series.set(keyOf(sample.name, sample.labels), sample);
  }
  return series;
}

function keyOf(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([name, ...pairs]);
}

/**
 * The groups of samples that were counted together, and begin anew together. In a histogram, a group is all buckets
 * whose other labels are the same, with their sum and count. In a counter, each sample is a group by itself. A group's
 * key is what distinguishes it from the others.
 */
export function groupsOf(metric: string, series: Series): ReadonlyMap<string, Series> {
  const groups = new Map<string, Map<string, Sample>>();
  for (const [key, sample] of series) {
    const { le: _, ...others } = sample.labels;
    const own = keyOf(metric, sample.name === `${metric}_bucket` ? others : sample.labels);
    const group = groups.get(own) ?? new Map<string, Sample>();
    groups.set(own, group.set(key, sample));
  }
  return groups;
}

/**
 * Whether a group goes on counting: all of it is there, and nothing is less. Observed values may be negative, so a sum
 * is judged by the samples beside it.
 */
export function goesOn(metric: string, group: Series, after: Series): boolean {
  return [...group].every(([key, { name, value }]) => {
    const next = after.get(key);
    return next !== undefined && (next.value >= value || (name === `${metric}_sum` && group.size > 1));
  });
}

/** What several sources have counted of a metric, together. */
export function total(metric: string, type: MetricType, all: readonly Series[]): Series {
  return merge(type === 'histogram' ? aligned(metric, all) : all, 'sum');
}

/** The bound of a bucket in a key. In the value of a label, text that looks like this has escaped quotes. */
const BOUND = /,\["le","(?:[^"\\]|\\.)*"\]/;

/**
 * Histograms of one name may have different buckets, if one is of the next version of the code. A bucket counts
 * everything below its bound. So for a bucket that a source lacks, the count of its next smaller bucket is taken: at
 * least that much was below. Then each count grows with the bounds, and none falls.
 */
function aligned(metric: string, all: readonly Series[]): readonly Series[] {
  const ladders = new Map<string, Ladder>();
  for (const series of all) {
    for (const [key, sample] of series) {
      if (sample.name !== `${metric}_bucket`) continue;
      const own = key.replace(BOUND, '');
      const ladder = ladders.get(own) ?? { rungs: new Map<string, Sample>(), among: new Set<Series>(), count: 0 };
      if (ladder.count === 0) ladders.set(own, ladder);
      ladder.rungs.set(key, sample);
      ladder.among.add(series);
      ladder.count++;
    }
  }
  // In most cases, all sources have the same buckets.
  const uneven = [...ladders.values()].filter(({ rungs, among, count }) => count < rungs.size * among.size);
  if (uneven.length === 0) return all;
  const sorted = uneven.map(({ rungs }) => [...rungs].sort(([, a], [, b]) => boundOf(a) - boundOf(b)));
  return all.map((series) => {
    const full = new Map<string, Sample>();
    for (const rungs of sorted) {
      let value = 0;
      for (const [key, sample] of rungs) {
        value = series.get(key)?.value ?? value;
        full.set(key, { ...sample, value });
      }
    }
    for (const [key, sample] of series) if (!full.has(key)) full.set(key, sample);
    return full;
  });
}

/**
 * All buckets whose other labels are the same, the sources that have any of them, and how many buckets these sources
 * have in all.
 */
interface Ladder {
  readonly rungs: Map<string, Sample>;
  readonly among: Set<Series>;
  count: number;
}

function boundOf({ labels }: Sample): number {
  const bound = Number(labels['le']);
  // JavaScript does not know `+Inf` as a number.
  return Number.isFinite(bound) ? bound : Number.MAX_VALUE;
}

/** A metric of several sources as one. */
export function merge(all: readonly Series[], aggregator: Aggregator): Series {
  const found = new Map<string, { sample: Sample; values: number[] }>();
  for (const series of all) {
    for (const [key, sample] of series) {
      const known = found.get(key);
      if (known) known.values.push(sample.value);
      else found.set(key, { sample, values: [sample.value] });
    }
  }
  return new Map(
    [...found].map(([key, { sample, values }]) => [key, { ...sample, value: combine(values, aggregator) }]),
  );
}

function combine(values: readonly number[], aggregator: Aggregator): number {
  const sum = values.reduce((all, value) => all + value, 0);
  if (aggregator === 'first') return values[0] as number;
  if (aggregator === 'min') return Math.min(...values);
  if (aggregator === 'max') return Math.max(...values);
  return aggregator === 'average' ? sum / values.length : sum;
}
