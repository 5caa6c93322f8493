import { monotonic } from '../../monotonic.js';
import type { Site } from '../site/site.js';
import type { EndStage, WorkerHandle } from '../workers/worker-handle.js';

/** A quick stop lets no request end, so it needs no longer than this. Milliseconds. */
const QUICK_LIMIT = 5_000;

/** What a {@link Retreat} is for. */
export interface Retreating extends Pick<Site, 'lastCall'> {
  /** In milliseconds, as of the option. */
  readonly gracefulTimeout: number;
}

/**
 * The end of all workers. Those that serve accept what waits at the sockets before they leave. If none does, those that boot are not ended
 * but get to serve: who has connected before would be reset.
 */
export class Retreat {
  readonly #settings: Retreating;
  #heirs: readonly WorkerHandle[] = [];
  /** When what has not ended by then is killed, of `monotonic()`. */
  #endsAt: number | undefined;

  constructor(settings: Retreating) {
    this.#settings = settings;
  }

  /** Whether all have been told to end. */
  get begun(): boolean {
    return this.#endsAt !== undefined;
  }

  /** @param serves - whether a worker can accept what waits. */
  begin(stage: EndStage, workers: readonly WorkerHandle[], serves: (worker: WorkerHandle) => boolean): void {
    const limit = this.#limit(stage);
    this.#endsAt = monotonic() + limit;
    const inherits = stage === 'drain' && this.#call() && !workers.some(serves);
    this.#heirs = inherits ? workers.filter(({ ready, leaving, failure }) => !ready && !leaving && !failure) : [];
    for (const worker of workers) {
      if (this.#heirs.includes(worker)) worker.leave('stop', stage, limit);
      else worker.end('stop', stage, limit);
    }
  }

  /** Tells workers that have not been told. */
  remind(stage: EndStage, workers: readonly WorkerHandle[]): void {
    for (const worker of workers) worker.end('stop', stage, this.#limit(stage));
  }

  /** A worker serves from now on. */
  welcome(worker: WorkerHandle): void {
    if (!this.#heirs.includes(worker)) return;
    this.#call();
    for (const heir of this.#heirs) heir.order('drain');
    this.#heirs = [];
  }

  /** How long a worker may take to end, milliseconds. */
  #limit(stage: EndStage): number {
    const { gracefulTimeout } = this.#settings;
    return stage === 'drain' ? gracefulTimeout : Math.min(gracefulTimeout, QUICK_LIMIT);
  }

  /** The second half of the time is for what has been accepted by then. */
  #call(): boolean {
    const now = monotonic();
    return this.#settings.lastCall(now + Math.max(0, (this.#endsAt ?? now) - now) / 2);
  }
}
