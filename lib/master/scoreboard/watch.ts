import { monotonic } from '../../monotonic.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import type { TimeoutReport } from '../../protocol/messages.js';
import { beatInterval, type ClockLimits } from '../../protocol/spec.js';
import type { SlotRecord } from '../../scoreboard/scoreboard.js';
import { figuresOf } from '../../system/thread-figures.js';
import { countSilence, type Silence, silenceLimit, spanOfTick } from '../workers/clocks.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

export interface Overdue {
  readonly worker: WorkerHandle;
  readonly report: TimeoutReport;
}

/** Watches the event loops of all workers, tick by tick, for one that stands still although its process could run. */
export class Watch {
  readonly #interval: number;
  readonly #limit: number;
  readonly #oneAtATime: boolean;
  readonly #silences = new WeakMap<WorkerHandle, Silence>();
  #last = monotonic();

  constructor({ clocks, workerClass }: Pick<ResolvedOptions, 'clocks' | 'workerClass'>) {
    this.#interval = beatInterval(clocks.timeout);
    this.#limit = silenceLimit(clocks);
    this.#oneAtATime = workerClass.name === 'sync';
  }

  /** Returns the workers that have to be ended. `slotOf` returns what the main thread of a worker wrote last. */
  look(workers: readonly WorkerHandle[], slotOf: (worker: WorkerHandle) => SlotRecord | undefined): Overdue[] {
    const now = monotonic();
    const span = spanOfTick(this.#last, now, this.#interval);
    this.#last = now;
    return workers.flatMap((worker) => {
      const { pid } = worker;
      if (pid === undefined || !worker.booted || worker.timedOut || worker.exited) return [];
      const record = slotOf(worker);
      // The worker's slot is being written at this moment, or the worker has none.
      if (record?.pid !== pid) return [];
      const silence = countSilence(this.#silences.get(worker), { ...record, figures: figuresOf(pid) }, span);
      this.#silences.set(worker, silence);
      if (silence.length <= this.#limit || span.share === 0) return [];
      return [{ worker, report: this.#report(record, silence.whole) }];
    });
  }

  #report({ request }: SlotRecord, elapsed: number): TimeoutReport {
    const clock = this.#oneAtATime && request ? 'request' : 'loop';
    return { clock, elapsed, answered: false, ...(request && { request }) };
  }
}

/** Calls back as often as a {@link Watch} wants to look. Returns a function that stops this. */
export function startTicks({ timeout }: ClockLimits, onTick: () => void): () => void {
  if (timeout === 0) return () => undefined;
  // The workers keep the host alive; this timer must not.
  const timer = setInterval(onTick, beatInterval(timeout)).unref();
  return () => clearInterval(timer);
}
