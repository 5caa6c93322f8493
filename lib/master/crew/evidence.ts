import { type SlotRecord, STATE } from '../../scoreboard.js';
import { mergeRecords } from '../scoreboard/stats.js';
import type { Site } from '../site/site.js';
import type { WorkerExit } from '../tell/events.js';
import type { WorkerHandle, WorkerTurn } from '../workers/worker-handle.js';
import { explainExit, hasServed } from './exit-reason.js';

/** What workers have left on the scoreboard about themselves, also when they have ended; until they are buried. */
export class Evidence {
  readonly #site: Pick<Site, 'slotsOf'>;

  constructor(site: Pick<Site, 'slotsOf'>) {
    this.#site = site;
  }

  /** Of its process and all threads. */
  of(worker: WorkerHandle): SlotRecord | undefined {
    return mergeRecords(this.#slots(worker).filter((record) => record !== undefined));
  }

  /** How a worker ended, from what the system and the worker itself tell. */
  explain(turn: Extract<WorkerTurn, { type: 'exit' }>): WorkerExit {
    return explainExit(turn, this.#slots(turn.worker));
  }

  /** Whether it has had a request: a worker with threads may, while some of them still boot. */
  hasServed(worker: WorkerHandle): boolean {
    return hasServed(this.of(worker));
  }

  /** Whether it has not begun to serve, in no part. */
  boots(worker: WorkerHandle): boolean {
    return (this.of(worker)?.state ?? STATE.BOOTING) === STATE.BOOTING;
  }

  /** A slot that it has not written to is a predecessor's. */
  #slots(worker: WorkerHandle): (SlotRecord | undefined)[] {
    return this.#site.slotsOf(worker).map((record) => (record?.pid === worker.pid ? record : undefined));
  }
}
