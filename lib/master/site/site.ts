/* What is bound, inherited and handed on, as the rest of the master sees it: all that there is once for all workers. */
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

/** A worker that is to be. */
export interface Recruit extends Standing, Omit<Place, 'slot'> {}

/** All that `start()` opens in the host process, and the one place that undoes it. */
export interface Site {
  readonly listeners: readonly Listener[];
  /** Undefined where no service manager asks. */
  readonly service: Service | undefined;
  readonly access: AccessLog | undefined;
  /** What the slots of a worker and its threads say, the worker's own first, by the numbers of the threads. */
  slotsOf(worker: WorkerHandle): (SlotRecord | undefined)[];
  /** What its own slot says, that of its main thread. */
  slotOf(worker: WorkerHandle): SlotRecord | undefined;
  /** Spawns a worker process; what becomes of it reaches the queue. */
  spawn(generation: Generation, recruit: Recruit): WorkerHandle;
  /** Has a process that a worker has started end with it. */
  readonly adopt: (worker: WorkerHandle, kin: Kin) => void;
  /** Forgets a worker that has ended. */
  bury(worker: WorkerHandle): void;
  /** All addresses are served: a process before this one is told. */
  serves(): void;
  /** Starts a process that is to succeed this one; resolves with its pid when it serves. */
  upgrade(): Promise<number>;
  /** A signal asks for an upgrade of this process. */
  askUpgrade(): void;
  /** Begins one that a signal has asked any Arbiter of this process for, as soon as none of them starts. This one must be running. */
  upgradeIfAsked(): void;
  /**
   * It is to end, or to hurry up: a process beside this one is told, and one that was to take over is ended. Returns how long to wait for the same
   * word from there, milliseconds.
   */
  leaves(stage: EndStage): number;
  /**
   * The sockets are to go away: workers that drain from now on accept what waits first at those that nobody else serves, until that moment of `monotonic()`. Here
   * they are closed, so that new clients are refused as soon as the workers have closed them too. None can be spawned after that.
   * May be said again. Returns whether there are such.
   */
  lastCall(until: number): boolean;
  /** Has those that serve go on until this one has ended, which never will: as long as it has the sockets, clients can connect. */
  awaitEnd(worker: WorkerHandle): void;
  /** It could not start: a process before this one is told, and `close()` waits for the others of this process that are told to end by that. Returns how to end. */
  failStart(failure: Error): EndStage;
  /** Closes and removes everything. All workers must have ended. */
  close(): Promise<void>;
}

/** Where a site reports to. */
export interface SiteEvents {
  readonly onTurn: (turn: WorkerTurn) => void;
  /** `terminal`: nobody has sent it. */
  readonly onSignal: (name: MasterSignal, origin: 'terminal' | undefined) => void;
  readonly onError: (error: ArbiterError) => void;
  /** Another process serves the same sockets too. */
  readonly onSuccessor: (pid: number) => void;
  /** What is asked for may be possible now. */
  readonly onWake: () => void;
  /** What to tell the service manager when it wants to know. */
  readonly stats: () => ArbiterStats<string>;
}
