import { setTimeout as delay } from 'node:timers/promises';
import { pace } from '../../pace.js';
import { MAX_USER_MESSAGE } from '../../protocol/messages.js';
import { type MetricsMessage, type OwnMetric, RESERVED, readMetrics, TYPES } from '../../protocol/metrics.js';
import type { WarningCode } from '../../protocol/warning.js';
import { messageOf } from '../../serialized-error.js';

/** A source of metrics of the application: a registry of prom-client, or anything with the same method. */
export interface MetricsSource {
  getMetricsAsJSON(): unknown;
}

/**
 * How often changes are reported to the master unasked. When a worker is killed, what it has counted in that time is
 * lost. Milliseconds.
 */
const INTERVAL = 1_000;
/** How long the exit of a worker may wait for its last report. Milliseconds. */
const LAST_LIMIT = 250;
/**
 * How long one registry may take, so that it does not hold up the others; after that its last metrics are used.
 * Milliseconds.
 */
const COLLECT_LIMIT: number = pace('collect', 5_000);

export interface ReporterOptions {
  readonly thread: number;
  readonly tell: (message: MetricsMessage) => void;
  readonly warn: (code: WarningCode, message: string) => void;
}

const LATE = Symbol('late');
/** How many of the metrics that are not exported a warning names. */
const MOST_NAMES = 3;

function refusal(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  const which = [...names.slice(0, MOST_NAMES), ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return `of its metrics ${which} cannot be exported: what Prometheus takes has a name of letters, digits, '_' and ':' that does not begin with ${RESERVED}, and is a ${TYPES.join(', ')}`;
}

/** Reports the application's own metrics to the master. */
export class MetricsReporter {
  readonly #options: ReporterOptions;
  /** The registries, each with the metrics that it had last. */
  readonly #sources = new Map<MetricsSource, readonly OwnMetric[]>();
  #timer: NodeJS.Timeout | undefined;
  /** The last report, as JSON; empty if there was none, or if it said that the metrics are too much. */
  #told = '';
  #isTooMuch = false;
  #running: Promise<void> | undefined;
  /** The report after the running one, and the number of the master's question that it answers. */
  #next: Promise<void> | undefined;
  #asked: number | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Adds a registry, whose metrics are reported from now on. */
  add(source: MetricsSource): void {
    if (typeof (source as Partial<MetricsSource> | undefined)?.getMetricsAsJSON !== 'function') {
      throw new TypeError('metrics: expected a registry with getMetricsAsJSON()');
    }
    if (!this.#sources.has(source)) this.#sources.set(source, []);
    // Reported even if it has no metrics yet: the report tells the master to ask this worker from now on.
    void this.answer();
    this.#timer ??= setInterval(() => {
      // The `collect` functions of a registry may take long, so a report that still runs is not joined by another one.
      this.#running ??= this.#report();
    }, INTERVAL).unref();
  }

  /**
   * Reports the current metrics.
   *
   * @param ask - the number of the master's question. It is answered even if nothing has changed.
   */
  async answer(ask?: number): Promise<void> {
    if (this.#sources.size === 0) return;
    this.#asked = ask ?? this.#asked;
    // The running report may be older than the question, so another one follows. Questions that come before it starts
    // share that report, which answers the last of them.
    this.#next ??= this.#reportNext();
    await this.#next;
  }

  async #reportNext(): Promise<void> {
    await this.#running;
    this.#next = undefined;
    this.#running = this.#report();
    await this.#running;
  }

  /** The worker ends: sends a last report, within a limit. */
  async end(): Promise<void> {
    if (this.#sources.size === 0) return;
    clearInterval(this.#timer);
    const limit = new Promise<void>((resolve) => setTimeout(resolve, LAST_LIMIT));
    await Promise.race([this.answer(), limit]);
  }

  async #report(): Promise<void> {
    const ask = this.#asked;
    this.#asked = undefined;
    const { thread, tell } = this.#options;
    try {
      const news = await this.#news().catch((error: unknown) => {
        this.#warn(`its metrics could not be had: ${messageOf(error)}`);
      });
      // The master waits for an answer to its question, even if there is nothing to report.
      if (news || ask !== undefined) tell({ type: 'metrics', thread, ...(ask !== undefined && { ask }), ...news });
    } finally {
      this.#running = undefined;
    }
  }

  /** What has changed since the last report; undefined if nothing has. */
  async #news(): Promise<Pick<MetricsMessage, 'metrics' | 'tooMuch'> | undefined> {
    const metrics = await this.#collect();
    const text = JSON.stringify(metrics);
    const wasTooMuch = this.#isTooMuch;
    this.#isTooMuch = text.length > MAX_USER_MESSAGE;
    if (this.#isTooMuch) {
      this.#warn(`its metrics take ${text.length} characters of JSON, and at most ${MAX_USER_MESSAGE} are exported`);
      this.#told = '';
      return wasTooMuch ? undefined : { tooMuch: true };
    }
    if (text === this.#told) return undefined;
    this.#told = text;
    return { metrics };
  }

  async #collect(): Promise<OwnMetric[]> {
    await Promise.all([...this.#sources.keys()].map((source) => this.#ask(source)));
    return [...this.#sources.values()].flat();
  }

  async #ask(source: MetricsSource): Promise<void> {
    const limit = new AbortController();
    const late = delay(COLLECT_LIMIT, LATE, { signal: limit.signal, ref: false });
    late.catch(() => undefined);
    try {
      const given = await Promise.race([source.getMetricsAsJSON(), late]);
      if (given === LATE) {
        this.#warn(
          `its metrics have not come within ${COLLECT_LIMIT} ms, so those of before stand: does a collect() wait for something?`,
        );
        return;
      }
      const { metrics, refused } = readMetrics(given);
      if (refused.length > 0) this.#warn(refusal(refused));
      this.#sources.set(source, metrics);
    } catch (error) {
      this.#warn(`its metrics could not be had: ${messageOf(error)}`);
    } finally {
      limit.abort();
    }
  }

  #warn(message: string): void {
    this.#options.warn('metrics', message);
  }
}
