import { monotonic } from '../../monotonic.js';
import type { Site } from '../site/site.js';
import type { EndStage } from '../workers/end-stage.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

/** A quick stop lets no request finish, so a worker needs no longer than this to end. Milliseconds. */
const QUICK_LIMIT = 5_000;

/**
 * The end of all workers. Workers that serve accept the connections that wait at the sockets before they leave. If none
 * serves, those that boot are not ended at once but get to serve first: otherwise clients that have connected would be
 * reset. A worker that boots, or waits as a spare, has the sockets open until it has ended. If it is ended, the last of
 * those that serve waits for that.
 */
export class Retreat {
  readonly #gracefulTimeout: number;
  readonly #site: Pick<Site, 'lastCall' | 'awaitEnd'>;
  /** Workers that boot and are to serve before they drain, since no other one can accept what waits. */
  #heirs: readonly WorkerHandle[] = [];
  /** When workers that have not ended are killed, on the clock of `monotonic()`. */
  #endsAt: number | undefined;

  /** @param gracefulTimeout - the option of that name, milliseconds. */
  constructor(gracefulTimeout: number, site: Pick<Site, 'lastCall' | 'awaitEnd'>) {
    this.#gracefulTimeout = gracefulTimeout;
    this.#site = site;
  }

  /** Whether all have been told to end. */
  get begun(): boolean {
    return this.#endsAt !== undefined;
  }

  /** @param serves - whether a worker can accept the connections that wait. */
  begin(stage: EndStage, workers: readonly WorkerHandle[], serves: (worker: WorkerHandle) => boolean): void {
    const limit = this.#limit(stage);
    this.#endsAt = monotonic() + limit;
    const calls = stage === 'drain' && this.#call();
    const booting = workers.filter(({ ready }) => !ready);
    this.#heirs =
      calls && !workers.some(serves)
        ? booting.filter(({ leaving, failure, spare }) => !leaving && !failure && !spare)
        : [];
    if (calls && this.#heirs.length === 0) this.#awaitEnds(booting);
    for (const worker of workers) {
      if (this.#heirs.includes(worker)) worker.leave('stop', stage, limit);
      else worker.end('stop', stage, limit);
    }
  }

  /** Tells the workers that have not been told yet. */
  remind(stage: EndStage, workers: readonly WorkerHandle[]): void {
    for (const worker of workers) if (!worker.leaving) worker.end('stop', stage, this.#limit(stage));
  }

  /** A worker serves from now on. If it was kept to serve first, it and the others like it may drain now. */
  welcome(worker: WorkerHandle): void {
    if (!this.#heirs.includes(worker)) return;
    this.#call();
    this.#awaitEnds(this.#heirs.filter(({ ready }) => !ready));
    for (const heir of this.#heirs) heir.order('drain');
    this.#heirs = [];
  }

  #awaitEnds(workers: readonly WorkerHandle[]): void {
    for (const worker of workers) if (!worker.exited) this.#site.awaitEnd(worker);
  }

  /** How long a worker may take to end, milliseconds. */
  #limit(stage: EndStage): number {
    return stage === 'drain' ? this.#gracefulTimeout : Math.min(this.#gracefulTimeout, QUICK_LIMIT);
  }

  /**
   * Has draining workers accept what waits, for half of the time that is left: the other half is for what they have
   * accepted. Returns whether there are such sockets.
   */
  #call(): boolean {
    const now = monotonic();
    return this.#site.lastCall(now + Math.max(0, (this.#endsAt ?? now) - now) / 2);
  }
}
