/*
 * What a worker is told, and how it ends: orders of the master, signals, uncaught errors, exits. This file knows
 * nothing of requests; it asks the worker to stop.
 */
import { AsyncResource } from 'node:async_hooks';
import { errorText } from '../../log/stack.js';
import { say } from '../../log/standard-error.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { STATE } from '../../scoreboard/scoreboard.js';
import { onLoss } from '../access/loss.js';
import { access } from '../access/own.js';
import { departure, drainTimes, LEAVES, ORPHANED } from '../drain-signal.js';
import { failureReport } from '../failures.js';
import { noteRest, pending } from '../insight/pending.js';
import { explained } from '../own-script.js';
import { activeIn, othersServe } from '../vitals/board.js';
import type { Verdict } from '../vitals/judge.js';
import type { Pulse } from '../vitals/pulse.js';
import type { Slot } from '../vitals/slot.js';
import type { Timeout } from '../worker.js';
import { answerAsk } from './activity.js';
import { EarlyExit } from './early-exit.js';
import { exitWarning } from './exit-warning.js';
import type { Link } from './link.js';
import { OutsideTerm } from './outside-term.js';
import type { Lifecycle, Servant } from './servant.js';
import { Standby, unused } from './standby.js';
import { callTermHandlers, captureTerm, hearsTerm } from './term-handlers.js';

/** Exit codes. 3 and 4 are Gunicorn's codes for a failed boot and an application that does not load. */
const EXIT = { OK: 0, CRASH: 1, BOOT: 3, LOAD: 4 } as const;
/** How long the last answers may take after an uncaught exception, and after the master's death. Milliseconds. */
const CRASH_LIMIT = 1_000;
const ORPHAN_LIMIT = 400;
/** How long the threads of a process have for their last answers on a quick stop (QUIT). Milliseconds. */
const QUIT_LIMIT = 250;
/** How long after readiness the start-up work of the application is taken to be over. Milliseconds. */
const SETTLED = 2_000;

/** The outcome of a timeout in a worker that was not ready yet: it had no client to answer. */
const NOBODY: Timeout = { answered: false, ended: Promise.resolve() };

/** The async context of the worker itself, not of a request. */
const OWN = new AsyncResource('PREFORKWORKER');

export function startLifecycle(
  { app, name, thread, logged, gracefulTimeout, sockets, serving, slot: index }: WorkerSpec,
  slot: Slot,
  pulse: Pulse,
  link: Link,
): Lifecycle {
  const { tell } = link;
  const early = new EarlyExit({ app, name });
  let worker: Servant | undefined;
  let ordered: Servant | undefined;
  let reported = false;
  let draining = false;
  let crashing = false;
  let quitting = false;
  /** The worker was told to drain before it served, and already had connections. It drains once it serves. */
  let due = false;
  /** The worker has stopped, and the application's own handlers of SIGTERM run. */
  let closing = false;
  /** This library ends the process, not the application. */
  let ours = false;
  const standby = new Standby();
  let lastAct = (): Promise<void> => Promise.resolve();
  /** Whether the master logs what this worker reports. */
  let heard = logged;

  const failBoot = (error: unknown): never => {
    reported = true;
    const report = failureReport(error, lifecycle.phase);
    tell(report);
    process.exit(report.phase === 'load' ? EXIT.LOAD : EXIT.BOOT);
  };
  const fail = (error: unknown): void => {
    // A listener of the application's drain signal failed, not the work.
    const harmless = departure.isAnnounced;
    if (!worker && !harmless) return void failBoot(error);
    tell({ type: 'error', error: explained(error) });
    if (!heard) say(`prefork: worker ${process.pid}: uncaught: ${errorText(error)}\n`);
    if (harmless) return;
    // A second uncaught error while the worker ends because of the first: exit at once.
    if (crashing) process.exit(EXIT.CRASH);
    crashing = true;
    // The slot must still name the request that is in flight now, for the master to read, even if it is answered.
    slot.freeze();
    pulse.stop();
    exitWithin(CRASH_LIMIT);
    // Not in the async context of the request that failed: `crash()` answers other clients, in whose requests the
    // context of this one must not be seen.
    OWN.runInAsyncScope(() => void exitAfter(() => worker?.crash()));
  };
  /** The clock of a request, or of the boot, has run out, while the event loop turns. */
  const timeOut = ({ clock, elapsed }: Verdict): void => {
    if (crashing || quitting) return;
    crashing = true;
    reported = true;
    slot.freeze();
    const awaited = pending(slot.connections);
    const { answered, request, ended } = worker?.timeOut?.() ?? NOBODY;
    tell({
      type: 'timeout',
      ...{ clock, elapsed, answered, hung: 'waiting', pending: awaited },
      ...(request && { request: { ...request, startedAt: slot.startedAt } }),
      ...(thread !== undefined && { thread }),
    });
    exitWithin(CRASH_LIMIT);
    exitAfter(() => ended);
  };
  const settle = (): void => {
    if (slot.active === 0) noteRest(slot.connections);
    else setTimeout(settle, SETTLED).unref();
  };
  const drain = (limit: number, why: string): void => {
    if (draining || crashing) return;
    if (!ordered) {
      bootNoMore();
      return;
    }
    draining = true;
    outside.answered();
    slot.setState(STATE.DRAINING);
    const { patience, farewell } = drainTimes(limit);
    if (thread === undefined) setTimeout(hurry, patience, farewell).unref();
    departure.begin(why);
    exitAfter(async () => {
      await ordered?.stop();
      closing = true;
      await callTermHandlers((message) =>
        tell({ type: 'warning', code: 'term', message, ...(thread !== undefined && { thread }) }),
      );
    });
  };
  /** A drain is ordered before the worker serves: it exits at once, unless a connection has just been accepted. */
  const bootNoMore = (): void => {
    if (slot.connections === 0) process.exit(EXIT.OK);
    due = true;
  };
  const quit = (): void => {
    quitting = true;
    if (!ordered) exit(EXIT.OK);
    slot.setState(STATE.DRAINING);
    if (ordered?.quit === undefined) exit(EXIT.OK);
    setTimeout(exit, QUIT_LIMIT, EXIT.OK);
    const end = (): void => exit(EXIT.OK);
    ordered?.quit?.().then(end, end);
  };
  /** Handles a SIGTERM that is not from the master, which gives its orders on the control pipe. */
  const outside = new OutsideTerm({
    ask: () => tell({ type: 'term' }),
    isRelieved() {
      // Nobody relies on a spare, nor on a worker without sockets; but one that still boots stays.
      if (!worker || standby.waits || sockets === 0) return worker !== undefined;
      // The own state is set before the others are read. So of two workers that decide at the same time, at least one
      // sees that the other one leaves.
      slot.setState(STATE.DRAINING);
      const relieved = othersServe();
      if (!relieved) slot.setState(STATE.SERVING);
      return relieved;
    },
    leave: () => drain(gracefulTimeout, LEAVES),
  });
  const onTerm = (): void => {
    if (closing && !hearsTerm()) exit(EXIT.OK);
    if (!draining && !crashing && !quitting) outside.came();
  };
  const hurry = (farewell: number): void => {
    if (!crashing && !quitting) ordered?.hurry?.(farewell);
  };
  // A drain may turn into a crash before it ends, so the exit code is chosen at the end.
  const exitAfter = async (step: () => unknown): Promise<void> => {
    try {
      await step();
      await lastAct();
      exit(crashing ? EXIT.CRASH : EXIT.OK);
    } catch (error) {
      fail(error);
    }
  };
  const exit = (code: number): void => {
    ours = true;
    process.exit(code);
  };
  const exitWithin = (limit: number): void => void setTimeout(exit, limit, EXIT.CRASH);
  const lifecycle: Lifecycle = {
    ...link,
    slot,
    pulse,
    phase: 'boot',
    failBoot,
    fail,
    beforeEnd(act) {
      lastAct = act;
    },
    takeOrders(servant) {
      ordered = servant;
      link.keepAlive();
    },
    async awaitSlot(prepared) {
      const before = ordered;
      worker = before ?? unused(prepared);
      lifecycle.takeOrders(worker);
      pulse.serve();
      tell({ type: 'spare' });
      await standby.slot();
      worker = undefined;
      ordered = before;
    },
    serving(ready) {
      worker = ready;
      if (ordered === undefined) lifecycle.takeOrders(ready);
      if (due) drain(gracefulTimeout, LEAVES);
      if (draining) return;
      slot.setState(STATE.SERVING);
      pulse.serve();
      noteRest(slot.connections);
      setTimeout(settle, SETTLED).unref();
      tell({ type: 'ready', ...(ready.since !== undefined && { since: ready.since }) });
    },
  };

  noteRest(0);
  onLoss((message) => tell({ type: 'warning', code: 'access-log', message, ...(thread !== undefined && { thread }) }));
  const serve = (id: number): unknown => draining || crashing || quitting || standby.give(id);
  const stacks = (ask: number): void => {
    const answering = { vitals: pulse.vitals, slot: index, thread, servant: ordered };
    void answerAsk(ask, answering).then((message) => message && tell(message));
  };
  const stay = (): void => outside.answered();
  link.onOrders({ drain: () => drain(gracefulTimeout, LEAVES), quit, stay, serve, hurry, stacks });
  if (thread === undefined) captureTerm(onTerm);
  pulse.onOverdue(timeOut);
  // A terminal sends these signals to the whole process group. The master decides what they mean, so workers ignore
  // them.
  for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  process.on('uncaughtException', fail);
  process.on('exit', (code) => {
    slot.flush();
    const active = slot.active + (thread === undefined ? activeIn(index + 1, serving.threads) : 0);
    // A worker that was told to end may be ended by its application without a warning, unless requests are in flight.
    if (worker && !ours && !crashing && (active > 0 || !(draining || quitting)))
      tell(exitWarning(code, active, thread));
    worker?.lastWords?.(quitting ? 503 : 500);
    access?.leave();
    if (worker || reported || draining) return;
    tell({ type: 'failed', phase: 'boot', error: early.failure(code) });
  });
  link.onGone(() => {
    heard = false;
    if (!ordered) process.exit(EXIT.CRASH);
    exitWithin(ORPHAN_LIMIT);
    drain(ORPHAN_LIMIT, ORPHANED);
  });
  return lifecycle;
}
