import type { Aggregator, MetricsMessage, MetricType, OwnMetric } from '../../protocol/metrics.js';
import type { Family } from './exposition.js';
import { goesOn, groupsOf, merge, type Series, seriesOf, total } from './series.js';

/**
 * At most this many series of ended workers are kept: an application that has labels without end must not fill the
 * master's memory.
 */
const MOST = 10_000;
/** Rounding takes less than this share of a sum. */
const ROUNDING = 1e-9;

interface Meta {
  readonly type: MetricType;
  readonly help: string;
  readonly aggregator: Aggregator;
}

interface Metric extends Meta {
  readonly series: Series;
}

/** The metrics of a thread, or of a worker without threads, by name. */
type Source = ReadonlyMap<string, Metric>;

/** Tells the operator what becomes of the metrics of that worker. */
type Warn<Worker> = (worker: Worker, message: string) => void;

/**
 * The metrics of the workers' own registries, added up. Counters and histograms go on when a worker or a thread ends,
 * or when a registry begins anew: what it counted last is kept. Gauges are those of the living workers.
 */
export class OwnNumbers<Worker> {
  readonly #sources = new Map<Worker, Map<number, Source>>();
  /** What was reported last of each metric, for those that no living worker has. */
  readonly #metas = new Map<string, Meta>();
  /**
   * The counts of those that are gone, by type and name of the metric, and then by group (see {@link groupsOf}). With
   * another type it is another metric, and the code that has it may come back.
   */
  readonly #base = new Map<string, Map<string, Series>>();
  #kept = 0;
  readonly #warn: Warn<Worker>;
  readonly #ageOf: (worker: Worker) => number;
  /** The warnings that have been given: each is given once. */
  readonly #warned = new Set<string>();
  /** The value that was exported last, of all series that count. */
  #shown = new Map<string, number>();

  /** @param ageOf - the later a worker was started, the higher. */
  constructor(warn: Warn<Worker>, ageOf: (worker: Worker) => number) {
    this.#warn = warn;
    this.#ageOf = ageOf;
  }

  /** The workers that have reported metrics, and which of their threads. */
  get told(): ReadonlyMap<Worker, readonly number[]> {
    return new Map([...this.#sources].map(([worker, threads]) => [worker, [...threads.keys()]]));
  }

  take(worker: Worker, { thread, metrics, tooMuch }: MetricsMessage): void {
    if (metrics === undefined && !tooMuch) return;
    const threads = this.#sources.get(worker) ?? new Map<number, Source>();
    this.#sources.set(worker, threads);
    const before = threads.get(thread);
    const source = metrics ? this.#read(worker, metrics) : countsOf(before);
    threads.set(thread, source);
    if (before) this.#keepEnded(worker, before, source);
  }

  /** A thread of the worker has ended, or the whole worker. */
  lose(worker: Worker, thread?: number): void {
    const threads = this.#sources.get(worker);
    for (const [number, source] of threads ?? []) {
      if (thread !== undefined && thread !== number) continue;
      this.#keepEnded(worker, source, undefined);
      threads?.delete(number);
    }
    if (thread === undefined) this.#sources.delete(worker);
  }

  families(): Family[] {
    const found: Family[] = [];
    const shown = new Map<string, number>();
    const sources = [...this.#sources].sort(([a], [b]) => this.#ageOf(a) - this.#ageOf(b));
    for (const [name, last] of this.#metas) {
      const living = sources.flatMap(([, threads]) =>
        [...threads.values()].flatMap((metrics) => metrics.get(name) ?? []),
      );
      // Of the living workers, the one that was started last has the newest code. A worker of a reload that has failed
      // has no say any more.
      const { type, help, aggregator } = living.at(-1) ?? last;
      if (aggregator === 'omit') continue;
      const base = [...(this.#base.get(keyOf(name, type))?.values() ?? [])].flatMap((group) => [...group]);
      // With another type it is another metric, of other code.
      const of = living.filter((one) => one.type === type).map(({ series }) => series);
      const merged = type === 'gauge' ? merge(of, aggregator) : total(name, type, [new Map(base), ...of]);
      if (type !== 'gauge') for (const [key, sample] of merged) shown.set(key, this.#atLeast(key, sample.value));
      const samples = [...merged].map(([key, sample]) => ({ ...sample, value: shown.get(key) ?? sample.value }));
      found.push({ name, type, help, samples });
    }
    this.#shown = shown;
    return found;
  }

  /**
   * Undoes a fall that is mere rounding. The last digits of a sum of fractions depend on the order of the addends, and
   * Prometheus takes a counter that falls for one that began anew.
   */
  #atLeast(key: string, value: number): number {
    const before = this.#shown.get(key) ?? value;
    return value < before && before - value <= ROUNDING * before ? before : value;
  }

  /**
   * Several registries of a worker may have metrics of one name. These become one metric, as those of several workers
   * do.
   */
  #read(worker: Worker, metrics: readonly OwnMetric[]): Source {
    const found = new Map<string, Metric>();
    for (const metric of metrics) {
      const { name, type, help, aggregator } = metric;
      const [known, series] = [found.get(name), seriesOf(metric)];
      if (known === undefined) {
        found.set(name, { type, help, aggregator, series });
        this.#metas.set(name, { type, help, aggregator });
      } else if (known.type === type) {
        const both = [known.series, series];
        found.set(name, {
          ...known,
          series: type === 'gauge' ? merge(both, known.aggregator) : total(name, type, both),
        });
      } else {
        this.#warnOnce(
          worker,
          `two registries have a metric ${name}, one a ${known.type} and one a ${type}: only the first is exported`,
        );
      }
    }
    return found;
  }

  /** Keeps those counts of a source that do not go on: they are missing in the next report, or are less there. */
  #keepEnded(worker: Worker, before: Source, after: Source | undefined): void {
    for (const [name, { type, series }] of before) {
      if (type === 'gauge') continue;
      const next = after?.get(name);
      for (const [own, group] of groupsOf(name, series)) {
        if (next?.type === type && goesOn(name, group, next.series)) continue;
        if (this.#keep(name, type, own, group)) continue;
        this.#warnOnce(
          worker,
          `more than ${MOST} series of workers that have ended are too many to be kept: those of further ones are lost, and their counters fall. Are there labels without end, as of an id or a path?`,
        );
      }
    }
  }

  /** Keeps a whole group, or nothing: a part of a histogram is of no use. Returns whether there was room. */
  #keep(name: string, type: MetricType, own: string, group: Series): boolean {
    const key = keyOf(name, type);
    const base = this.#base.get(key) ?? new Map<string, Series>();
    const before = base.get(own);
    const all = before ? total(name, type, [before, group]) : group;
    const more = all.size - (before?.size ?? 0);
    if (more > 0 && this.#kept + more > MOST) return false;
    this.#kept += more;
    this.#base.set(key, base.set(own, all));
    return true;
  }

  #warnOnce(worker: Worker, message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#warn(worker, message);
  }
}

/** What is left of a source whose metrics have become too many to be reported: what it counted stands. */
function countsOf(source: Source = new Map()): Source {
  return new Map([...source].filter(([, { type }]) => type !== 'gauge'));
}

function keyOf(name: string, type: MetricType): string {
  return `${type} ${name}`;
}
