/* Messages in which workers tell the numbers of their own registries, for tests of how the master adds these up. */
import assert from 'node:assert/strict';
import type { OwnNumbers } from '../../build/master/numbers/own-numbers.js';
import { type OwnMetric, readMetrics } from '../../build/protocol/metrics.js';

type Given = Partial<OwnMetric> & { readonly values?: unknown };
export const metric = (given: Given): OwnMetric =>
  readMetrics([{ name: 'm', type: 'counter', help: 'h', ...given }]).metrics[0] as OwnMetric;
export const counter = (value: number, labels = {}): OwnMetric => metric({ values: [{ labels, value }] });
export const gauge = (value: number, aggregator: string, name = 'm'): OwnMetric =>
  metric({ name, type: 'gauge', aggregator: aggregator as never, values: [{ labels: {}, value }] });
/** All workers have the same age: then they are in the order in which they have told. */
export const noAge = (): number => 0;
export const noWarning = (_: string, message: string): void => assert.fail(message);
/**
 * The bounds of the histograms, the last one without end. `own` has the count of each bucket by itself, not the sum up
 * to it.
 */
export const BOUNDS = ['0.1', '0.5', '+Inf'];
export function histogram(own: readonly number[], sum = 0, labels = {}, bounds: readonly string[] = BOUNDS): OwnMetric {
  const counts = own.map((_, index) => own.slice(0, index + 1).reduce((all, each) => all + each, 0));
  const buckets = bounds.map((le, index) => ({
    ...{ metricName: 'm_bucket', labels: { le, ...labels }, value: counts[index] },
  }));
  const total = counts.at(-1);
  return metric({
    type: 'histogram',
    values: [...buckets, { metricName: 'm_sum', labels, value: sum }, { metricName: 'm_count', labels, value: total }],
  });
}
/** The values of the buckets, in the order of their bounds, and the count. */
export function counts(numbers: OwnNumbers<string>): number[] {
  const found = values(numbers);
  return [...BOUNDS.map((le) => `m_bucket${JSON.stringify({ le })}`), 'm_count{}'].map((key) => found[key] ?? 0);
}

export function values(numbers: OwnNumbers<string>, name = 'm'): Record<string, number> {
  const found = numbers.families().find((family) => family.name === name);
  return Object.fromEntries(
    (found?.samples ?? []).map((sample) => [`${sample.name}${JSON.stringify(sample.labels)}`, sample.value]),
  );
}
export const tell = (numbers: OwnNumbers<string>, worker: string, thread: number, ...metrics: OwnMetric[]): void =>
  numbers.take(worker, { type: 'metrics', thread, metrics });
