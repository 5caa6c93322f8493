import { setTimeout as delay } from 'node:timers/promises';
import { pace } from '../../pace.js';
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
/** A `collect` that takes longer holds up nobody else: what was told last stands for it. Milliseconds. */
const COLLECT_LIMIT: number = pace('collect', 5_000);

export interface ReporterOptions {
  readonly thread: number;
  readonly tell: (message: MetricsMessage) => void;
  readonly warn: (code: WarningCode, message: string) => void;
}

const LATE = Symbol('late');
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
  /** What each had last. */
  readonly #sources = new Map<MetricsSource, readonly OwnMetric[]>();
  #timer: NodeJS.Timeout | undefined;
  /** What was told last; empty where that is nothing, or that it is too much. */
  #told = '';
  #isTooMuch = false;
  #running: Promise<void> | undefined;
  /** The one behind it, and which question it is to answer. */
  #next: Promise<void> | undefined;
  #asked: number | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** From now on its numbers are told too. */
  add(source: MetricsSource): void {
    if (typeof (source as Partial<MetricsSource> | undefined)?.getMetricsAsJSON !== 'function') {
      throw new TypeError('metrics: expected a registry with getMetricsAsJSON()');
    }
    if (!this.#sources.has(source)) this.#sources.set(source, []);
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
    this.#asked = ask ?? this.#asked;
    // What is on its way may be older than the question. All who ask meanwhile have one answer, to the last of them.
    this.#next ??= this.#reportNext();
    await this.#next;
  }

  async #reportNext(): Promise<void> {
    await this.#running;
    this.#next = undefined;
    this.#running = this.#report();
    await this.#running;
  }

  /** The worker ends. */
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
      // Whoever asks waits for an answer, also where there is nothing to say.
      if (news || ask !== undefined) tell({ type: 'metrics', thread, ...(ask !== undefined && { ask }), ...news });
    } finally {
      this.#running = undefined;
    }
  }

  /** What is to be told since the last time; undefined where nothing has changed. */
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
