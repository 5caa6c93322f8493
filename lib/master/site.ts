import type { ArbiterError } from '../errors.js';
import type { ResolvedOptions } from '../options/resolved.js';
import type { MasterSignal } from '../options/types.js';
import type { SlotRecord } from '../scoreboard.js';
import { resolveAccount } from '../system/account.js';
import { claimPidFile, type PidFile } from '../system/pid-file.js';
import type { Kin } from '../system/process-group.js';
import { openBoard } from './board.js';
import type { Generation } from './generation.js';
import { startGuard } from './guard.js';
import { heritage } from './heritage.js';
import { type Place, planLaunch } from './launch.js';
import { closeListeners, type Listener, openListeners, sweep } from './listener.js';
import { type Service, startService } from './service.js';
import { atHostExit, installSignals } from './signals.js';
import type { ArbiterStats } from './stats.js';
import { abandonUpgrade, dismissCandidate, dutiesOf, type Estate, hasSuccessor, ownEstate } from './succession.js';
import { startTicks } from './watch.js';
import { type EndStage, type Standing, WorkerHandle, type WorkerTurn } from './worker-handle.js';

/** A worker that is to be. */
export interface Recruit extends Standing, Omit<Place, 'slot'> {}

/** All that `start()` opens in the host process, and the one place that undoes it. */
export interface Site {
  readonly listeners: readonly Listener[];
  readonly pidFile: PidFile | undefined;
  /** Undefined where no service manager asks. */
  readonly service: Service | undefined;
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
  /**
   * The sockets are to go away: workers that drain from now on accept what waits first, until that moment of `monotonic()`. Here
   * they are closed, so that new clients are refused as soon as the workers have closed them too. None can be spawned after that.
   */
  lastCall(until: number): void;
  /** It could not start: a process before this one is told. Returns how to end. */
  failStart(failure: Error): EndStage;
  /** Closes and removes everything. All workers must have ended. */
  close(): Promise<void>;
}

/** Where a site reports to. */
export interface SiteEvents {
  readonly onTurn: (turn: WorkerTurn) => void;
  readonly onSignal: (name: MasterSignal) => void;
  readonly onError: (error: ArbiterError) => void;
  /** Another process serves the same sockets too. */
  readonly onSuccessor: (pid: number) => void;
  /** What to tell the service manager when it wants to know. */
  readonly stats: () => ArbiterStats<string>;
}

/** Binds, then prepares the rest. Rejects with an `ArbiterError` and leaves nothing behind. */
export async function openSite(options: ResolvedOptions, events: SiteEvents, abort: AbortSignal): Promise<Site> {
  const account = resolveAccount(options.user, options.group);
  // First of all: two that would serve the same addresses can share their sockets by accident.
  const pidFile = options.pidFile === undefined ? undefined : takePidFile(options.pidFile);
  const estate: Estate = {
    ...{ name: options.name, listeners: [], serves: false },
    onSuccessor: events.onSuccessor,
    onBackedOut: () => undefined,
  };
  const disown = ownEstate(estate);
  try {
    estate.listeners = await openListeners(options.name, options.bind, abort);
    return assemble(options, events, estate, { account, pidFile, disown });
  } catch (error) {
    heritage?.fail(options.name, error as Error);
    closeListeners(estate.listeners, othersServe() ? 'leave' : 'close');
    disown();
    pidFile?.remove();
    throw error;
  }
}

/** While the process before this one runs, the file is its own. Gunicorn does so too. */
function takePidFile(path: string): PidFile {
  if (!heritage || heritage.alone) return claimPidFile(path);
  return claimPidFile(`${path}.2`);
}

interface Prepared {
  readonly account: ReturnType<typeof resolveAccount>;
  readonly pidFile: PidFile | undefined;
  readonly disown: () => void;
}

function assemble(
  options: ResolvedOptions,
  events: SiteEvents,
  estate: Estate,
  { account, pidFile, disown }: Prepared,
): Site {
  const { listeners } = estate;
  const board = openBoard();
  const guard = startGuard(events.onError);
  const workers = new Set<WorkerHandle>();
  const slots = 1 + options.workerClass.threads;
  const restoreTitle = setTitle(`prefork: master [${options.name}]`);
  const removeSignals = installSignals(options.signals, events.onSignal);
  const removeExit = atHostExit(() => {
    for (const worker of workers) worker.signal('SIGKILL');
    dismissCandidate();
    closeListeners(listeners, othersServe() ? 'leave' : 'close');
    pidFile?.remove();
  }, options.signals.length === 0);
  let open = true;
  heritage?.onAlone(() => {
    if (open && options.pidFile !== undefined)
      attempt(() => pidFile?.moveTo(options.pidFile as string), events.onError);
  });
  const stopTicks = startTicks(options.clocks, () => events.onTurn({ type: 'tick' }));
  const source = { stats: events.stats, onFailure: events.onError, othersServe };
  const service = options.notify ? startService(process.env, source) : undefined;
  estate.onSuccessor = (pid) => {
    service?.handOver(pid);
    events.onSuccessor(pid);
  };
  estate.onBackedOut = () => service?.takeBack();

  return {
    listeners,
    pidFile,
    service,
    slotsOf({ slot }) {
      return Array.from({ length: slots }, (_, index) => board.read(slot + index));
    },
    slotOf: ({ slot }) => board.read(slot),
    spawn(generation, { id, age, rest, term, probation }) {
      const place = { id, age, rest, slot: board.claim(slots) };
      const launch = planLaunch(options, generation, place, { listeners, scoreboard: board.fd, account });
      const worker = new WorkerHandle(launch, { term, probation }, events.onTurn);
      workers.add(worker);
      if (worker.pid !== undefined) guard.watch(worker.pid);
      return worker;
    },
    adopt: ({ family }, kin) => family.adopt(kin, guard),
    bury(worker) {
      workers.delete(worker);
      board.release(worker.slot, slots);
      // It may have been the last one that listened.
      for (const other of workers) {
        if (!board.rests(other.slot, slots)) continue;
        other.signal('SIGURG');
        break;
      }
      if (worker.pid !== undefined) guard.forget(worker.pid);
      worker.family.forget(guard);
    },
    lastCall(until) {
      // What waits is another process's.
      if (othersServe()) return;
      const own = [...listeners.keys()].filter((index) => listeners[index]?.foreign === false);
      board.lastCall(until, own);
      closeListeners(listeners);
    },
    serves() {
      estate.serves = true;
      heritage?.serve(dutiesOf(estate));
    },
    failStart(failure) {
      heritage?.fail(options.name, failure);
      // Some worker may have been ready, and may have taken clients of the other process.
      return othersServe() ? 'drain' : 'kill';
    },
    async close() {
      open = false;
      stopTicks();
      await abandonUpgrade();
      const left = othersServe();
      closeListeners(listeners, left ? 'leave' : 'close');
      if (left) await sweep(listeners);
      // Before a successor learns of the end: it gives its own file this name then.
      pidFile?.remove();
      disown();
      board.close();
      await Promise.all([guard.close(), service?.close()]);
      removeExit();
      removeSignals();
      restoreTitle();
    },
  };
}

function attempt(act: () => void, onError: (error: ArbiterError) => void): void {
  try {
    act();
  } catch (error) {
    onError(error as ArbiterError);
  }
}

function othersServe(): boolean {
  return hasSuccessor() || heritage?.alone === false;
}

/** A host with a title of its own gets it back, unless somebody has changed it since. */
function setTitle(title: string): () => void {
  const before = process.title;
  process.title = title;
  return () => {
    if (process.title === title) process.title = before;
  };
}
