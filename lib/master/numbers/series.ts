/* The samples of a metric, each with labels of its own: those of several sources together, and whether they count on. */
import type { Aggregator, OwnMetric } from '../../protocol/metrics.js';
import type { Labels, Sample } from './exposition.js';

/** By {@link keyOf}. */
export type Series = ReadonlyMap<string, Sample>;

export function seriesOf({ type, samples }: OwnMetric): Series {
  const series = new Map<string, Sample>();
  for (const sample of samples) {
    // Those of several workers say nothing together.
    if (type === 'summary' && 'quantile' in sample.labels) continue;
    series.set(keyOf(sample.name, sample.labels), sample);
  }
  return series;
}

function keyOf(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([name, ...pairs]);
}

/** What was counted together, and begins anew together: all buckets of a histogram that have the same labels otherwise, with their sum and count. Of a counter, each by itself. */
export function groupsOf(metric: string, series: Series): Iterable<Series> {
  const groups = new Map<string, Map<string, Sample>>();
  for (const [key, sample] of series) {
    const { le: _, ...others } = sample.labels;
    const own = keyOf(metric, sample.name === `${metric}_bucket` ? others : sample.labels);
    const group = groups.get(own) ?? new Map<string, Sample>();
    groups.set(own, group.set(key, sample));
  }
  return groups.values();
}

/** Whether it counts on: all of it is there, and nothing is less. What was observed may be negative, so a sum is judged by what stands beside it. */
export function goesOn(metric: string, group: Series, after: Series): boolean {
  return [...group].every(([key, { name, value }]) => {
    const next = after.get(key);
    return next !== undefined && (next.value >= value || (name === `${metric}_sum` && group.size > 1));
  });
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
