import { type SlotRecord, STATE } from '../../scoreboard/scoreboard.js';
import { mergeRecords, type WorkerRecord, withThreads } from '../scoreboard/stats.js';
import type { Site } from '../site/site.js';
import type { WorkerExit } from '../tell/events.js';
import type { WorkerHandle, WorkerTurn } from '../workers/worker-handle.js';
import { explainExit, hasServed } from './exit-reason.js';

/** What workers have left on the scoreboard about themselves, also when they have ended; until they are buried. */
export class Evidence {
  readonly #site: Pick<Site, 'slotsOf'>;
  /** What each slot of a worker said when it could be read last. */
  readonly #known = new WeakMap<WorkerHandle, (SlotRecord | undefined)[]>();

  constructor(site: Pick<Site, 'slotsOf'>) {
    this.#site = site;
  }

  /** Of its process and all threads. */
  of(worker: WorkerHandle): WorkerRecord | undefined {
    const slots = this.slotsOf(worker);
    return withThreads(mergeRecords(slots.filter((record) => record !== undefined)), slots.slice(1));
  }

  /** How a worker ended, from what the system and the worker itself tell. */
  explain(turn: Extract<WorkerTurn, { type: 'exit' }>): WorkerExit {
    return explainExit(turn, this.slotsOf(turn.worker));
  }

  /** Whether it has had a request: a worker with threads may, while some of them still boot. */
  hasServed(worker: WorkerHandle): boolean {
    return hasServed(this.of(worker));
  }

  /** Whether it has not begun to serve, in no part. */
  boots(worker: WorkerHandle): boolean {
    return (this.of(worker)?.state ?? STATE.BOOTING) === STATE.BOOTING;
  }

  /**
   * What its process and its threads say by themselves. A slot that it has not written to is a predecessor's. One that is being written at this
   * moment says what it did before: no counter goes back.
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
