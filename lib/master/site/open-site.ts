/* Opens what all workers share, one step after another, and undoes it at the end: each step says how. */
import { debugArbiter } from '../../debug.js';
import type { ArbiterError } from '../../errors.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { resolveAccount } from '../../system/account.js';
import { withOwners } from '../../system/ownership.js';
import { checkPermissions } from '../../system/permissions.js';
import { claimPidFile, type PidFile } from '../../system/pid-file.js';
import { watchTerminal } from '../../system/terminal.js';
import { openAccessLog } from '../access/access-log.js';
import { asTrouble } from '../common/trouble.js';
import { type Step, undoAll, undoNow } from '../common/undo.js';
import { atHostExit, installSignals } from '../loop/signals.js';
import { NO_SLOT, openBoard } from '../scoreboard/board.js';
import { startTicks } from '../scoreboard/watch.js';
import { heritage, type Starting } from '../sockets/heritage.js';
import { closeListeners, type Listener, openListeners, sweep } from '../sockets/listener.js';
import { startService } from '../tell/service.js';
import { startGuard } from '../workers/guard.js';
import { planLaunch } from '../workers/launch.js';
import { retireTicketKeys } from '../workers/ticket-keys.js';
import { WorkerHandle } from '../workers/worker-handle.js';
import { dutiesOf } from './candidate.js';
import { type Estate, othersEnded } from './estates.js';
import type { Site, SiteEvents } from './site.js';
import {
  askUpgrade,
  candidateGone,
  dismissCandidate,
  enterEstate,
  leave,
  othersLive,
  othersServe,
  upgrade,
  upgradeIfAsked,
} from './succession.js';
import { setTitle } from './title.js';

/**
 * How long another process that serves the same sockets may take to say that it ends too: whatever told this one to end
 * may have told that one. Milliseconds.
 */
const OTHERS_WORD = 250;

/** Binds, then prepares the rest. Rejects with an `ArbiterError` and leaves nothing behind. */
export async function openSite(options: ResolvedOptions, events: SiteEvents, abort: AbortSignal): Promise<Site> {
  checkPermissions(options);
  const account = resolveAccount(options.user, options.group);
  const addresses = withOwners(options.bind, account);
  // Before the sockets: two processes can bind the same address, and share it by accident, as long as neither listens.
  const pidFile = options.pidFile === undefined ? undefined : takePidFile(options.pidFile);
  const estate: Estate = {
    ...{ name: options.name, limits: options, listeners: [], serves: false, leaves: false, asks: false },
    ...{ onSuccessor: events.onSuccessor, onError: events.onError, wake: events.onWake },
    onBackedOut: () => undefined,
  };
  const disown = enterEstate(estate);
  const start = heritage?.start();
  /** How to undo what is open beyond sockets and pid file, in the order in which it was opened. */
  const open: Step[] = [];
  try {
    estate.listeners = await openListeners(options.name, addresses, abort);
    start?.bound(estate.listeners.map(({ bind }) => bind));
    return assemble(options, events, estate, { account, pidFile, start, disown, open });
  } catch (error) {
    start?.over();
    await undoAll(
      [
        ...open.reverse(),
        [SOCKETS, () => closeListeners(estate.listeners, events.onError, othersServe)],
        [PID_FILE, () => pidFile?.remove()],
        ['the Arbiter could not be signed off', disown],
      ],
      events.onError,
    );
    throw error;
  }
}

const SOCKETS = 'the sockets could not be closed';
const PID_FILE = 'the pid file could not be removed';

/**
 * While the predecessor runs, the file is the predecessor's, and this process writes another one. Gunicorn does so too.
 */
function takePidFile(path: string): PidFile {
  if (!heritage || heritage.alone) return claimPidFile(path);
  return claimPidFile(`${path}.2`);
}

interface Prepared {
  readonly account: ReturnType<typeof resolveAccount>;
  readonly pidFile: PidFile | undefined;
  /** Undefined if there is no predecessor that is to be told. */
  readonly start: Starting | undefined;
  readonly disown: () => void;
  readonly open: Step[];
}

function assemble(
  options: ResolvedOptions,
  events: SiteEvents,
  estate: Estate,
  { account, pidFile, start, disown, open: undo }: Prepared,
): Site {
  const { listeners } = estate;
  const slots = 1 + options.workerClass.threads;
  const workers = new Set<WorkerHandle>();
  const restoreTitle = setTitle(options.name);
  undo.push(['the title could not be restored', restoreTitle]);
  const terminal = watchTerminal();
  undo.push(['the terminal is still watched', terminal.close]);
  const removeSignals = installSignals(options.signals, (name) =>
    events.onSignal(name, terminal.sends(name) ? 'terminal' : undefined),
  );
  undo.push(['the handlers of signals could not be removed', removeSignals]);
  const removeExit = atHostExit(() => {
    for (const worker of workers) worker.signal('SIGKILL');
    undoNow(
      [
        ['the process that was to take over could not be told', dismissCandidate],
        [SOCKETS, () => closeListeners(listeners, debugCleanup, othersServe)],
        [PID_FILE, () => pidFile?.remove()],
      ],
      debugCleanup,
    );
  }, options.signals.length === 0);
  undo.push(['the handler of the exit could not be removed', removeExit]);
  const guard = startGuard(events.onError);
  undo.push(['the guard could not be ended', guard.close]);
  // Each slot of the roster may have two processes during a reload, and spares leave while others come.
  const board = openBoard(2 * (options.workers + options.spares) * slots);
  undo.push(['the scoreboard could not be closed', board.close]);
  const access = openAccessLog(options, account, events.onError);
  undo.push(['the access log could not be closed', () => access?.close()]);
  let open = true;
  heritage?.onAlone(() => {
    if (open && options.pidFile !== undefined)
      attempt(() => pidFile?.moveTo(options.pidFile as string), events.onError);
  });
  const stopTicks = startTicks(options.clocks, () => events.onTurn({ type: 'tick' }));
  undo.push(['the clock could not be stopped', stopTicks]);
  const source = { stats: events.stats, onFailure: events.onError, othersServe: othersLive };
  const service = options.notify ? startService(process.env, source) : undefined;
  undo.push(['the service manager could not be told', () => service?.close()]);
  estate.onSuccessor = (pid) => {
    service?.handOver(pid);
    events.onSuccessor(pid);
  };
  estate.onBackedOut = () => service?.takeBack();

  const awaitEnd = ({ slot }: { readonly slot: number }): void => {
    undoNow([['those who connect now may be reset', () => board.awaitEnd(slot)]], events.onError);
  };
  let released: Promise<void> | undefined;
  /**
   * A process that was to take over has the sockets until it is gone. So it holds a slot of the scoreboard, as a worker
   * that boots does.
   */
  const awaitCandidate = (): void => {
    const gone = candidateGone(estate);
    if (released || gone === undefined) return;
    const { slot } = claim(() => board.claim(1));
    awaitEnd({ slot });
    released = gone.then(() => board.release(slot, 1));
  };
  /**
   * Whether this Arbiter could not start, and the predecessor tells the others of this process to end because of that.
   */
  let endsOthers = false;

  return {
    listeners,
    service,
    access,
    slotsOf({ slot }) {
      return Array.from({ length: slot === NO_SLOT ? 0 : slots }, (_, index) => board.read(slot + index));
    },
    slotOf: ({ slot }) => board.read(slot),
    spawn(generation, { id, age, rest, term, probation }) {
      const claimed = claim(() => board.claim(slots));
      const place = { id, age, rest, slot: claimed.slot };
      const launch = planLaunch(options, generation, place, { listeners, scoreboard: board.fd, account, access });
      const ask = (number: number): void =>
        undoNow([['a worker that hangs could not be asked', () => board.ask(claimed.slot, number)]], events.onError);
      const worker = new WorkerHandle({ ...launch, ...claimed, ask }, { term, probation }, events.onTurn);
      workers.add(worker);
      if (worker.pid !== undefined) guard.watch(worker.pid);
      return worker;
    },
    adopt: ({ family }, kin) => family.adopt(kin, guard),
    bury(worker) {
      workers.delete(worker);
      board.release(worker.slot, slots);
      // The dead worker may have been the last one that listened, so one that is off duty is woken.
      for (const other of workers) {
        if (!board.rests(other.slot, slots)) continue;
        other.signal('SIGURG');
        break;
      }
      if (worker.pid !== undefined) guard.forget(worker.pid);
      worker.family.forget(guard);
    },
    upgrade: () => upgrade(estate),
    askUpgrade: () => askUpgrade(estate),
    upgradeIfAsked,
    leaves(stage) {
      // A kill cuts off clients anyway: the other Arbiters are not waited for.
      if (stage === 'kill') endsOthers = false;
      start?.over();
      leave(estate, stage);
      return stage === 'drain' && listeners.some(othersServe) ? OTHERS_WORD : 0;
    },
    lastCall(until) {
      // The sockets that no other process serves. What waits at the others is left to that process.
      const own = listeners.filter((listener) => !othersServe(listener));
      if (own.length === 0 && listeners.length > 0) return false;
      awaitCandidate();
      const ours = [...listeners.keys()].filter((index) => {
        const listener = listeners[index] as Listener;
        return !listener.foreign && own.includes(listener);
      });
      undoNow([['those who wait at the sockets may be reset', () => board.lastCall(until, ours)]], events.onError);
      closeListeners(listeners, events.onError, (listener) => !own.includes(listener));
      return ours.length > 0;
    },
    awaitEnd,
    serves() {
      estate.serves = true;
      start?.over();
      heritage?.serve(dutiesOf(estate));
    },
    failStart(failure) {
      endsOthers = heritage?.fail(options.name, failure) === true;
      // A worker may have been ready already, and may have taken clients of the other process.
      return othersLive() ? 'drain' : 'kill';
    },
    async close() {
      open = false;
      start?.over();
      stopTicks();
      leave(estate, 'drain');
      await candidateGone(estate);
      // Waited for before the scoreboard is closed, since its descriptor may be another file's afterwards.
      await released;
      const left = listeners.filter(othersServe);
      const steps: Step[] = [
        [SOCKETS, () => closeListeners(listeners, events.onError, (listener) => left.includes(listener))],
        ['the files of sockets could not be looked at', () => sweep(left)],
        // Before a successor learns of the end of this process: then it renames its own file to this name.
        [PID_FILE, () => pidFile?.remove()],
        ['the Arbiter could not be signed off', disown],
        ['the ticket keys could not be forgotten', () => retireTicketKeys(options)],
        ...undo.reverse(),
      ];
      await undoAll(steps, events.onError);
      if (endsOthers) await othersEnded();
    },
  };
}

/** A slot of the scoreboard, or why there is none. In that case no worker is started, as if it could not be spawned. */
function claim(slot: () => number): { readonly slot: number; readonly failure?: Error } {
  try {
    return { slot: slot() };
  } catch (error) {
    return { slot: NO_SLOT, failure: error as Error };
  }
}

function debugCleanup(error: ArbiterError): void {
  debugArbiter('%s', error.message);
}

function attempt(act: () => void, onError: (error: ArbiterError) => void): void {
  try {
    act();
  } catch (error) {
    onError(asTrouble('the pid file could not be renamed', error));
  }
}
