import type { Aggregator, MetricsMessage, MetricType, OwnMetric } from '../../protocol/metrics.js';
import type { Family } from './exposition.js';
import { goesOn, groupsOf, merge, type Series, seriesOf, total } from './series.js';

/** So many series of workers that are gone are kept: whoever has labels without end must not fill the master's memory. */
const MOST = 10_000;
/** What is lost of a sum by rounding is less than that share of it. */
const ROUNDING = 1e-9;

interface Meta {
  readonly type: MetricType;
  readonly help: string;
  readonly aggregator: Aggregator;
}

interface Metric extends Meta {
  readonly series: Series;
}

/** The metrics of a worker without threads, or of a thread, by their names. */
type Source = ReadonlyMap<string, Metric>;

/** Tells the operator what becomes of the numbers of that worker. */
type Warn<Worker> = (worker: Worker, message: string) => void;

/**
 * The numbers of the workers' own registries, added up. What counts goes on counting when a worker or a thread ends, or a registry begins anew: its last
 * numbers are kept. A gauge is of those that live.
 */
export class OwnNumbers<Worker> {
  readonly #sources = new Map<Worker, Map<number, Source>>();
  /** As it was told last, for those that nobody has who lives. */
  readonly #metas = new Map<string, Meta>();
  /** Of who is gone, by type and name of the metric: of another type it is another metric, and the code that has it may come back. Of each what was counted together. */
  readonly #base = new Map<string, Map<string, Series>>();
  #kept = 0;
  readonly #warn: Warn<Worker>;
  readonly #ageOf: (worker: Worker) => number;
  /** What has been warned of: each is told once. */
  readonly #warned = new Set<string>();
  /** What was told last of all that counts. */
  #shown = new Map<string, number>();

  /** @param ageOf - the higher, the later it was started. */
  constructor(warn: Warn<Worker>, ageOf: (worker: Worker) => number) {
    this.#warn = warn;
    this.#ageOf = ageOf;
  }

  /** Those that have told of some, and which of their threads. */
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

  /** A thread of it has ended, or all of it. */
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
      // The worker that was started last has the newest code, as long as it lives: one whose reload has failed says nothing any more.
      const { type, help, aggregator } = living.at(-1) ?? last;
      if (aggregator === 'omit') continue;
      const base = [...(this.#base.get(keyOf(name, type))?.values() ?? [])].flatMap((group) => [...group]);
      // Of another type it is another metric, of other code.
      const of = living.filter((one) => one.type === type).map(({ series }) => series);
      const merged = type === 'gauge' ? merge(of, aggregator) : total(name, type, [new Map(base), ...of]);
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

  /** Several registries may have metrics of one name: they are one, as those of several workers are. */
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

  /** Keeps of a source what counts, where it does not go on: it is there no more, or is less. */
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

  /** All of it, or nothing: a part of a histogram is none. Returns whether there was room. */
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

/** What is left of a source that does not tell any more what it has: what it counted stands. */
function countsOf(source: Source = new Map()): Source {
  return new Map([...source].filter(([, { type }]) => type !== 'gauge'));
}

function keyOf(name: string, type: MetricType): string {
  return `${type} ${name}`;
}
