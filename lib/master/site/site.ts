/* What is bound, inherited and handed on, as the rest of the master sees it: all that the workers share. */
import type { ArbiterError } from '../../errors.js';
import type { MasterSignal } from '../../options/types.js';
import type { SlotRecord } from '../../scoreboard/scoreboard.js';
import type { Kin } from '../../system/process-group.js';
import type { AccessLog } from '../access/access-log.js';
import type { ArbiterStats } from '../scoreboard/stats.js';
import type { Listener } from '../sockets/listener.js';
import type { Service } from '../tell/service.js';
import type { EndStage } from '../workers/end-stage.js';
import type { Generation } from '../workers/generation.js';
import type { Place } from '../workers/launch.js';
import type { Standing } from '../workers/tenure.js';
import type { WorkerHandle, WorkerTurn } from '../workers/worker-handle.js';

/** A worker that is to be spawned. */
export interface Recruit extends Standing, Omit<Place, 'slot'> {}

/** All that `start()` opens in the host process, and the one place that undoes it. */
export interface Site {
  readonly listeners: readonly Listener[];
  /** Undefined if no service manager is to be told. */
  readonly service: Service | undefined;
  readonly access: AccessLog | undefined;
  /** The scoreboard records of a worker and its threads: the worker's own first, then by the numbers of the threads. */
  slotsOf(worker: WorkerHandle): (SlotRecord | undefined)[];
  /** The worker's own scoreboard record, that of its main thread. */
  slotOf(worker: WorkerHandle): SlotRecord | undefined;
  /** Spawns a worker process. Its messages and its end are enqueued as turns. */
  spawn(generation: Generation, recruit: Recruit): WorkerHandle;
  /** Has a process that a worker has started end together with the worker. */
  readonly adopt: (worker: WorkerHandle, kin: Kin) => void;
  /** Forgets a worker that has ended. */
  bury(worker: WorkerHandle): void;
  /** All addresses are served: tells the predecessor, if there is one. */
  serves(): void;
  /** Starts a process that is to succeed this one; resolves with its pid when it serves. */
  upgrade(): Promise<number>;
  /** A signal asks for an upgrade of this process. */
  askUpgrade(): void;
  /**
   * Begins an upgrade that a signal has asked any Arbiter of this process for, unless one of them is still starting.
   * This Arbiter must be running.
   */
  upgradeIfAsked(): void;
  /**
   * This Arbiter is to end, or to end faster. Tells the processes that serve the same sockets, and ends one that was to
   * take over. Returns how long to wait until those processes have said that they end too, milliseconds.
   */
  leaves(stage: EndStage): number;
  /**
   * The sockets are to be given up. Until that moment of `monotonic()`, workers that drain first accept what waits at
   * the sockets that no other process serves. The master closes these here, so that new clients are refused as soon as
   * the workers have closed them too. No worker can be spawned after that.
   *
   * May be called again. Returns whether there are such sockets, apart from foreign ones.
   */
  lastCall(until: number): boolean;
  /**
   * Has the workers that serve go on until this worker, which will never serve, has ended: as long as it has the
   * sockets, clients can connect.
   */
  awaitEnd(worker: WorkerHandle): void;
  /**
   * This Arbiter could not start. Tells the predecessor; if that tells the other Arbiters of this process to end,
   * `close()` waits for them. Returns how this one is to end.
   */
  failStart(failure: Error): EndStage;
  /** Closes and removes everything. All workers must have ended. */
  close(): Promise<void>;
}

/** What a site reports to. */
export interface SiteEvents {
  readonly onTurn: (turn: WorkerTurn) => void;
  /** `terminal`: the terminal has caused the signal, nobody has sent it. */
  readonly onSignal: (name: MasterSignal, origin: 'terminal' | undefined) => void;
  readonly onError: (error: ArbiterError) => void;
  /** A successor serves the same sockets now, too. */
  readonly onSuccessor: (pid: number) => void;
  /** An upgrade that was asked for may be possible now. */
  readonly onWake: () => void;
  /** What the service manager is told when it asks. */
  readonly stats: () => ArbiterStats<string>;
}
