import { isRecord } from '../serialized-error.js';

/*
 * The application's own metrics on their way to the master: those of a prom-client registry of one worker or thread.
 * The application may send anything, so everything is checked here: what is not a metric, or what Prometheus could not
 * read, is left out.
 */

/** How the values of several workers are combined. The names, and the default `sum`, are prom-client's. */
const AGGREGATORS = ['sum', 'first', 'min', 'max', 'average', 'omit'] as const;
export type Aggregator = (typeof AGGREGATORS)[number];
export const TYPES = ['counter', 'gauge', 'histogram', 'summary'] as const;
export type MetricType = (typeof TYPES)[number];

export interface OwnSample {
  /** The metric's name, with `_bucket`, `_sum` or `_count` at its end if the sample is one of those. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface OwnMetric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregator: Aggregator;
  readonly samples: readonly OwnSample[];
}

export type MetricsMessage = {
  readonly type: 'metrics';
  /** The number of the thread, from 1; 0 for the main thread of a process. */
  readonly thread: number;
  /** The number of the order that this answers, see `encodeNumbers()`; absent if the master has not asked. */
  readonly ask?: number;
  /** Absent when nothing has changed since the last message. */
  readonly metrics?: readonly OwnMetric[];
  /** The metrics are too large to be sent. */
  readonly tooMuch?: true;
};

/** Names with this prefix are reserved for this library. */
export const RESERVED = 'prefork_';
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Reads the result of `getMetricsAsJSON()`: its valid metrics, and the names of the refused entries; for an entry
 * without a name, its type.
 */
export function readMetrics(given: unknown): { readonly metrics: OwnMetric[]; readonly refused: readonly string[] } {
  if (!Array.isArray(given)) return { metrics: [], refused: [nameOf(given)] };
  const read = given.map((each) => ({ each, metric: readMetric(each) }));
  return {
    metrics: read.flatMap(({ metric }) => metric ?? []),
    refused: read.filter(({ metric }) => metric === undefined).map(({ each }) => nameOf(each)),
  };
}

function nameOf(given: unknown): string {
  const name = isRecord(given) ? given['name'] : undefined;
  return typeof name === 'string'
    ? `'${name}'`
    : `one of type ${given === null ? 'null' : typeof given}, without a name`;
}

export function parseMetrics(value: Record<string, unknown>): MetricsMessage | undefined {
  const { thread, ask, metrics, tooMuch } = value;
  if (!Number.isInteger(thread)) return undefined;
  const answers = Number.isInteger(ask) && { ask: ask as number };
  const message = { type: 'metrics', thread: thread as number, ...answers } as const;
  if (tooMuch === true) return { ...message, tooMuch };
  return metrics === undefined ? message : { ...message, metrics: readMetrics(metrics).metrics };
}

function readMetric(given: unknown): OwnMetric | undefined {
  if (!isRecord(given)) return undefined;
  const { name, help, values, samples = values } = given;
  const type = TYPES.find((known) => known === given['type']);
  const aggregator = AGGREGATORS.find((known) => known === (given['aggregator'] ?? 'sum'));
  if (typeof name !== 'string' || !METRIC_NAME.test(name) || name.startsWith(RESERVED)) return undefined;
  if (type === undefined || aggregator === undefined || !Array.isArray(samples)) return undefined;
  const read = samples.map((sample) => readSample(sample, name)).filter((sample) => sample !== undefined);
  return { name, help: typeof help === 'string' ? help : '', type, aggregator, samples: read };
}

function readSample(given: unknown, metric: string): OwnSample | undefined {
  if (!isRecord(given)) return undefined;
  const { value, metricName, name = metricName ?? metric, labels = {} } = given;
  // In JSON, a value that is not finite is null. It could not be added up.
  if (typeof value !== 'number' || !Number.isFinite(value) || !isRecord(labels)) return undefined;
  if (typeof name !== 'string' || !ENDS.has(name.slice(metric.length)) || !name.startsWith(metric)) return undefined;
  const read: [string, string][] = [];
  for (const [label, text] of Object.entries(labels)) {
    if (!LABEL_NAME.test(label) || isData(text)) return undefined;
    read.push([label, String(text)]);
  }
  return { name, labels: Object.fromEntries(read), value };
}

/**
 * Whether a value is an array or a plain object, as JSON has them. Such a value is useless as a label, and its
 * `toString` may not be a function. An instance of a class, in a worker, can be made a string, as prom-client does.
 */
function isData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

const ENDS: ReadonlySet<string> = new Set(['', '_bucket', '_sum', '_count']);
