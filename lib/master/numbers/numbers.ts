/*
 * What is told to whoever asks how full the workers are, and what has been counted: a snapshot, and the text that
 * Prometheus reads. Nothing is decided by it.
 */
import { monotonic } from '../../monotonic.js';
import { pace } from '../../pace.js';
import type { MetricsMessage } from '../../protocol/metrics.js';
import type { Crew } from '../crew/crew.js';
import type { ArbiterStats } from '../scoreboard/stats.js';
import type { Queues } from '../site/queues.js';
import type { Notifier } from '../tell/notify.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { expose } from './exposition.js';
import { families } from './families.js';
import { OwnNumbers } from './own-numbers.js';
import { type Look, SaturationWatch, WINDOW } from './saturation.js';
import type { View } from './snapshot.js';

/**
 * How long to wait for workers that were asked for their own metrics. Of a worker that hangs, the last ones are used.
 * Milliseconds.
 */
const ANSWER_LIMIT: number = pace('ownNumbers', 250);
/** When nobody has asked for this long, saturation is not measured any more. Milliseconds. */
const ASKED_LIMIT = 600_000;

export class Numbers {
  readonly #crew: Crew;
  readonly #queues: Queues;
  readonly #own: OwnNumbers<WorkerHandle>;
  readonly #saturation = new SaturationWatch();
  #timer: NodeJS.Timeout | undefined;
  #askedAt = 0;
  /**
   * The question under way: its number, the threads that have not answered yet (each as `AGE THREAD`), and what to call
   * when all have.
   */
  #awaited: { readonly ask: number; readonly from: Set<string>; readonly arrived: () => void } | undefined;
  #asks = 0;
  #refresh: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(crew: Crew, queues: Queues, { emit }: Pick<Notifier, 'emit'>) {
    this.#own = new OwnNumbers(
      (worker, message) => emit('worker:warning', worker.info(), { code: 'metrics', message }),
      ({ age }) => age,
    );
    this.#crew = crew;
    this.#queues = queues;
  }

  stats<State extends string>({ open, target, held, ...view }: View<State>): ArbiterStats<State> {
    return {
      ...view,
      pid: process.pid,
      target,
      queues: open ? this.#queues.stats() : [],
      saturation: this.#saturation.shares,
      ...this.#crew.stats(target, held),
    };
  }

  /** Somebody wants to know the saturation. It is measured from now on, until nobody has asked for ten minutes. */
  watch(): void {
    this.#askedAt = monotonic();
    if (this.#timer !== undefined) return;
    this.#look();
    this.#timer = setInterval(() => this.#look(), WINDOW).unref();
  }

  /** A worker reports its own metrics. */
  take(worker: WorkerHandle, message: MetricsMessage): void {
    this.#own.take(worker, message);
    // A report without this number may have been on its way before the question, and so be older than it.
    if (message.ask === this.#awaited?.ask) this.#arrive(worker, message.thread);
  }

  /** A worker, or a thread of it, has ended. */
  lose(worker: WorkerHandle, thread?: number): void {
    this.#own.lose(worker, thread);
    this.#arrive(worker, thread);
  }

  /**
   * Asks the workers that have metrics of their own for them. Resolves when they have answered, or have had their time.
   * A call during a question waits for the next one.
   */
  refresh(): Promise<void> {
    if (this.#refresh) {
      this.#next ??= this.#refresh.then(() => {
        this.#next = undefined;
        return this.refresh();
      });
      return this.#next;
    }
    this.#refresh = this.#ask().finally(() => {
      this.#refresh = undefined;
    });
    return this.#refresh;
  }

  text(stats: ArbiterStats, workerClass: string): string {
    return expose([...families(stats, workerClass), ...this.#own.families()]);
  }

  async #ask(): Promise<void> {
    const ask = ++this.#asks;
    const from = new Set<string>();
    for (const [worker, threads] of this.#own.told) {
      if (!worker.exited && worker.control.askNumbers(ask))
        for (const thread of threads) from.add(`${worker.age} ${thread}`);
    }
    if (from.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_LIMIT);
      const arrived = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#awaited = { ask, from, arrived };
    });
    this.#awaited = undefined;
  }

  #arrive({ age }: WorkerHandle, thread: number | undefined): void {
    const { from, arrived } = this.#awaited ?? {};
    for (const each of from ?? []) {
      if (each === `${age} ${thread}` || (thread === undefined && each.startsWith(`${age} `))) from?.delete(each);
    }
    if (from?.size === 0) arrived?.();
  }

  #look(): void {
    const now = monotonic();
    if (now - this.#askedAt > ASKED_LIMIT) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#saturation.clear();
      return;
    }
    const looks = this.#crew.serving().flatMap((worker) =>
      this.#crew.evidence.slotsOf(worker).flatMap((record, index, slots): Look[] => {
        // The main thread of a worker with threads accepts nothing.
        if (index === 0 && slots.length > 1) return [];
        return [{ key: `${worker.age} ${index}`, room: record?.room }];
      }),
    );
    this.#saturation.look(now, looks);
  }
}

/** The metrics as a text for Prometheus, also where nothing has been started. */
export async function metrics(
  numbers: Numbers | undefined,
  stats: () => ArbiterStats,
  workerClass: string,
): Promise<string> {
  if (!numbers) return expose(families(stats(), workerClass));
  await numbers.refresh();
  return numbers.text(stats(), workerClass);
}
