import type { Aggregator, MetricsMessage, MetricType, OwnMetric } from '../../protocol/metrics.js';
import type { Family, Labels, Sample } from './exposition.js';

/** So many series of workers that are gone are kept: whoever has labels without end must not fill the master's memory. */
const MOST = 10_000;
/** What is lost of a sum by rounding is less than that share of it. */
const ROUNDING = 1e-9;

interface Meta {
  readonly type: MetricType;
  readonly help: string;
  readonly aggregator: Aggregator;
}

/** Series by {@link keyOf}. */
type Series = Map<string, Sample>;

interface Source {
  readonly metrics: ReadonlyMap<string, { readonly type: MetricType; readonly series: Series }>;
}

/**
 * The numbers of the workers' own registries, added up. What counts goes on counting when a worker or a thread ends, or a registry begins anew: its last
 * numbers are kept. A gauge is of those that live.
 */
export class OwnNumbers<Worker> {
  readonly #sources = new Map<Worker, Map<number, Source>>();
  /** As it was told last. */
  readonly #metas = new Map<string, Meta>();
  /** Of who is gone, by the name of the metric. */
  readonly #base = new Map<string, { readonly type: MetricType; readonly series: Series }>();
  #kept = 0;
  /** What was told last of all that counts. */
  #shown = new Map<string, number>();

  /** Those that have told of some, and which of their threads. */
  get told(): ReadonlyMap<Worker, readonly number[]> {
    return new Map([...this.#sources].map(([worker, threads]) => [worker, [...threads.keys()]]));
  }

  take(worker: Worker, { thread, metrics }: MetricsMessage): void {
    if (metrics === undefined) return;
    const threads = this.#sources.get(worker) ?? new Map<number, Source>();
    this.#sources.set(worker, threads);
    const before = threads.get(thread);
    const source: Source = { metrics: new Map(metrics.map((metric) => [metric.name, readSeries(metric)])) };
    for (const { name, type, help, aggregator } of metrics) this.#metas.set(name, { type, help, aggregator });
    threads.set(thread, source);
    if (before) this.#keepEnded(before, source);
  }

  /** A thread of it has ended, or all of it. */
  lose(worker: Worker, thread?: number): void {
    const threads = this.#sources.get(worker);
    for (const [number, source] of threads ?? []) {
      if (thread !== undefined && thread !== number) continue;
      this.#keepEnded(source, undefined);
      threads?.delete(number);
    }
    if (thread === undefined) this.#sources.delete(worker);
  }

  families(): Family[] {
    const found: Family[] = [];
    const shown = new Map<string, number>();
    for (const [name, { type, help, aggregator }] of this.#metas) {
      if (aggregator === 'omit') continue;
      const living = [...this.#sources.values()].flatMap((threads) =>
        [...threads.values()].flatMap(({ metrics }) => metrics.get(name) ?? []),
      );
      const base = this.#base.get(name);
      // Of another type it is another metric, of code that is gone.
      const of = [...(base ? [base] : []), ...living].filter((one) => one.type === type).map(({ series }) => series);
      const merged = merge(of, type === 'gauge' ? aggregator : 'sum');
      if (type !== 'gauge') for (const [key, sample] of merged) shown.set(key, this.#atLeast(key, sample.value));
      const samples = [...merged].map(([key, sample]) => ({ ...sample, value: shown.get(key) ?? sample.value }));
      found.push({ name, type, help, samples });
    }
    this.#shown = shown;
    return found;
  }

  /** A sum of fractions depends on their order, in its last digits; and of a counter that is less than before, Prometheus believes that it began anew. */
  #atLeast(key: string, value: number): number {
    const before = this.#shown.get(key) ?? value;
    return value < before && before - value <= ROUNDING * before ? before : value;
  }

  /** Keeps of a source what counts, where it does not go on: it is there no more, or is less. */
  #keepEnded(before: Source, after: Source | undefined): void {
    for (const [name, { type, series }] of before.metrics) {
      if (type === 'gauge') continue;
      const next = after?.metrics.get(name);
      for (const [key, sample] of series) {
        if (next?.type === type && goesOn(series, next.series, key)) continue;
        this.#keep(name, type, key, sample);
      }
    }
  }

  #keep(name: string, type: MetricType, key: string, sample: Sample): void {
    let base = this.#base.get(name);
    if (base?.type !== type) {
      this.#kept -= base?.series.size ?? 0;
      base = { type, series: new Map() };
      this.#base.set(name, base);
    }
    const known = base.series.get(key);
    if (known === undefined && this.#kept >= MOST) return;
    if (known === undefined) this.#kept++;
    base.series.set(key, { ...sample, value: sample.value + (known?.value ?? 0) });
  }
}

function readSeries({ type, samples }: OwnMetric): { readonly type: MetricType; readonly series: Series } {
  const series: Series = new Map();
  for (const sample of samples) {
    // Those of several workers say nothing together.
    if (type === 'summary' && 'quantile' in sample.labels) continue;
    series.set(keyOf(sample.name, sample.labels), sample);
  }
  return { type, series };
}

function keyOf(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([name, ...pairs]);
}

/** Whether a series counts on. What was observed may be negative, so a sum is judged by its count. */
function goesOn(before: Series, after: Series, key: string): boolean {
  const judged = key.replace(/^(\["[^"]*_)sum"/, '$1count"');
  const by = before.has(judged) ? judged : key;
  const [old, now] = [before.get(by), after.get(by)];
  return after.has(key) && old !== undefined && now !== undefined && now.value >= old.value;
}

function merge(all: readonly Series[], aggregator: Aggregator): Series {
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
