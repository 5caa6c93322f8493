import { MAX_USER_MESSAGE } from '../../protocol/messages.js';
import { type MetricsMessage, type OwnMetric, RESERVED, readMetrics, TYPES } from '../../protocol/metrics.js';
import type { WarningCode } from '../../protocol/warning.js';
import { messageOf } from '../../serialized-error.js';

/** What has numbers of its own: a registry of prom-client, or anything that gives the same. */
export interface MetricsSource {
  getMetricsAsJSON(): unknown;
}

/** How often the master is told of what has changed, though nobody asks: so much is lost with a worker that is killed. Milliseconds. */
const INTERVAL = 1_000;
/** How long the end of a worker may wait for its last numbers. Milliseconds. */
const LAST_LIMIT = 250;

export interface ReporterOptions {
  readonly thread: number;
  readonly tell: (message: MetricsMessage) => void;
  readonly warn: (code: WarningCode, message: string) => void;
}

/** So many of those that are not exported are named. */
const MOST_NAMES = 3;

function refusal(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  const which = [...names.slice(0, MOST_NAMES), ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return `of its metrics ${which} cannot be exported: what Prometheus takes has a name of letters, digits, '_' and ':' that does not begin with ${RESERVED}, and is a ${TYPES.join(', ')}`;
}

/** Tells the master what the application has counted itself. */
export class MetricsReporter {
  readonly #options: ReporterOptions;
  readonly #sources = new Set<MetricsSource>();
  #timer: NodeJS.Timeout | undefined;
  /** What was told last. */
  #told = '';
  #running: Promise<void> | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** From now on its numbers are told too. */
  add(source: MetricsSource): void {
    if (typeof (source as Partial<MetricsSource> | undefined)?.getMetricsAsJSON !== 'function') {
      throw new TypeError('metrics: expected a registry with getMetricsAsJSON()');
    }
    this.#sources.add(source);
    // Also where it has nothing yet: from now on the master asks.
    void this.answer();
    this.#timer ??= setInterval(() => {
      // What its `collect` functions wait for may not come.
      this.#running ??= this.#report();
    }, INTERVAL).unref();
  }

  /**
   * Tells what there is now.
   *
   * @param ask - the question of the master's that it answers, also if nothing has changed.
   */
  async answer(ask?: number): Promise<void> {
    if (this.#sources.size === 0) return;
    // What is on its way may be older than the question.
    while (this.#running) await this.#running;
    this.#running = this.#report(ask);
    await this.#running;
  }

  /** The worker ends. */
  async end(): Promise<void> {
    if (this.#sources.size === 0) return;
    clearInterval(this.#timer);
    const limit = new Promise<void>((resolve) => setTimeout(resolve, LAST_LIMIT));
    await Promise.race([this.answer(), limit]);
  }

  async #report(ask?: number): Promise<void> {
    try {
      const metrics = await this.#collect();
      const text = JSON.stringify(metrics);
      if (text.length > MAX_USER_MESSAGE) {
        this.#warn(`its metrics take ${text.length} characters of JSON, and at most ${MAX_USER_MESSAGE} are exported`);
        return;
      }
      const { thread, tell } = this.#options;
      const isNew = text !== this.#told;
      if (isNew || ask !== undefined) {
        tell({ type: 'metrics', thread, ...(ask !== undefined && { ask }), ...(isNew && { metrics }) });
      }
      this.#told = text;
    } catch (error) {
      this.#warn(`its metrics could not be had: ${messageOf(error)}`);
    } finally {
      this.#running = undefined;
    }
  }

  async #collect(): Promise<OwnMetric[]> {
    const all: OwnMetric[] = [];
    for (const source of this.#sources) {
      const { metrics, refused } = readMetrics(await source.getMetricsAsJSON());
      if (refused.length > 0) this.#warn(refusal(refused));
      all.push(...metrics);
    }
    return all;
  }

  #warn(message: string): void {
    this.#options.warn('metrics', message);
  }
}
