import { type SlotRecord, STATE } from '../../scoreboard/scoreboard.js';
import { mergeRecords, type WorkerRecord, withThreads } from '../scoreboard/stats.js';
import type { Site } from '../site/site.js';
import type { WorkerExit } from '../tell/events.js';
import type { WorkerHandle, WorkerTurn } from '../workers/worker-handle.js';
import { explainExit, hasServed } from './exit-reason.js';

/**
 * What workers have written about themselves on the scoreboard, the memory that they share with the master. It can be
 * read after a worker has ended, until it is buried.
 */
export class Evidence {
  readonly #site: Pick<Site, 'slotsOf'>;
  /** The last readable record of each scoreboard slot of a worker. */
  readonly #known = new WeakMap<WorkerHandle, (SlotRecord | undefined)[]>();

  constructor(site: Pick<Site, 'slotsOf'>) {
    this.#site = site;
  }

  /** The record of a worker's process and all its threads together. */
  of(worker: WorkerHandle): WorkerRecord | undefined {
    const slots = this.slotsOf(worker);
    return withThreads(mergeRecords(slots.filter((record) => record !== undefined)), slots.slice(1));
  }

  /** How a worker ended, from what the system and the worker itself tell. */
  explain(turn: Extract<WorkerTurn, { type: 'exit' }>): WorkerExit {
    return explainExit(turn, this.slotsOf(turn.worker));
  }

  /** Whether the worker has had a request. With threads, it may have had one while some of them still boot. */
  hasServed(worker: WorkerHandle): boolean {
    return hasServed(this.of(worker));
  }

  /** Whether no part of the worker has begun to serve. */
  boots(worker: WorkerHandle): boolean {
    return (this.of(worker)?.state ?? STATE.BOOTING) === STATE.BOOTING;
  }

  /**
   * The records of the worker's process and of each thread, by scoreboard slot. A record with another pid is that of a
   * worker before it, and is left out. While a slot is being written it cannot be read; then the record from before
   * stands in, and no counter goes back.
   */
  slotsOf(worker: WorkerHandle): (SlotRecord | undefined)[] {
    const before = this.#known.get(worker);
    const slots = this.#site
      .slotsOf(worker)
      .map((record, index) => (record?.pid === worker.pid ? record : before?.[index]));
    this.#known.set(worker, slots);
    return slots;
  }
}
