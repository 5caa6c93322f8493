import { AsyncResource } from 'node:async_hooks';
import type { TlsOptions } from 'node:tls';
import { inspect } from 'node:util';
import type { BootPhase, FailedMessage, WorkerMessage, WorkerSpec } from '../protocol.js';
import { STATE } from '../scoreboard.js';
import { serializeError } from '../serialized-error.js';
import type { Timeout } from './base.js';
import { departure, drainTimes } from './departure.js';
import { AppError, ListenError } from './failures.js';
import type { Pulse } from './pulse.js';
import type { Slot } from './slot.js';
import type { Verdict } from './watchdog/judge.js';

/** How this process ends. 3 and 4 are Gunicorn's codes for a failed boot and an application that does not load. */
const EXIT = { OK: 0, CRASH: 1, BOOT: 3, LOAD: 4 } as const;
/** How long the last answers may take after an uncaught exception, and after the master's death. Milliseconds. */
const CRASH_LIMIT = 1_000;
const ORPHAN_LIMIT = 400;
/** How long the threads of a process have to say their last words on a quick stop. Milliseconds. */
const QUIT_LIMIT = 250;

/** The context of the worker itself. */
const OWN = new AsyncResource('PREFORKWORKER');

/** Why a signal of the application fires. */
const LEAVES = 'this worker drains: it takes no more work, and ends when what is under way has ended';
const ORPHANED = 'the master of this worker is gone: it ends at once';

/** What a worker hears from above and says: a process from and to its master, a thread from and to its process. */
export interface Link {
  /** Says it at once: also the last words before an exit arrive. */
  readonly tell: (message: WorkerMessage) => void;
  /** Comes only where the spec says so. */
  readonly tls: () => Promise<TlsOptions>;
  /** Calls back when whoever gives the orders is gone. */
  readonly onGone: (act: () => void) => void;
  /** Calls back when another acceptor asks for help, see the duty roster. */
  readonly onWake: (act: () => void) => void;
  /** The memory of that name that all threads of this process share. */
  readonly shared: (name: string, bytes: number) => Promise<SharedArrayBuffer | undefined>;
  /** It accepts no more: what it has of the listening sockets is closed. */
  readonly leaveSockets: () => void;
  /** Takes orders from now on, and keeps the worker alive. */
  readonly onOrders: (orders: Orders) => void;
}

/** What a worker is told to do. */
export interface Orders {
  readonly drain: () => void;
  readonly quit: () => void;
  /** In a thread: its process knows how late it is. See {@link Servant.hurry}. */
  readonly hurry: (farewell: number) => void;
}

/** What ends well or badly: a worker, or the pool of threads of one. */
export interface Servant {
  /** When it began to serve in part, of `monotonic()`. */
  readonly since?: number | undefined;
  stop(): void | Promise<void>;
  /** The time of the drain is nearly over: ends what is under way, within so many milliseconds. */
  hurry?(farewell: number): void;
  crash(): void | Promise<void>;
  /** A clock has run out, and the event loop turns: tells whom it still can. */
  timeOut?(): Timeout;
  /** Has all that serves say its last words; the process exits then. */
  quit?(): Promise<void>;
  /** The process or thread ends now, whatever is under way: 503 if it was told to, else 500. */
  lastWords?(status: 500 | 503): void;
}

/** A boot failure that a thread has reported already. */
export class ReportedFailure extends Error {
  readonly report: FailedMessage;
  constructor(report: FailedMessage) {
    super(report.error.message);
    this.report = report;
  }
}

/** The signals, errors and exits of a worker process, or of a thread of one, from its first line to its last. */
export interface Lifecycle extends Pick<Link, 'tell' | 'tls' | 'onWake' | 'shared' | 'leaveSockets'> {
  readonly slot: Slot;
  readonly pulse: Pulse;
  /** What an error before readiness is blamed on. */
  phase: BootPhase;
  /** Reports a failed boot and exits. */
  readonly failBoot: (error: unknown) => never;
  /** Reports an error after readiness, lets the worker answer, and exits. */
  readonly fail: (error: unknown) => void;
  /** Takes orders for a worker that is not ready yet but serves in part: a pool whose first thread is up. */
  readonly takeOrders: (worker: Servant) => void;
  /** Hands the process over to a worker that serves. */
  readonly serving: (worker: Servant) => void;
}

export function startLifecycle(
  { app, name, thread, logged, gracefulTimeout }: WorkerSpec,
  slot: Slot,
  pulse: Pulse,
  link: Link,
): Lifecycle {
  const { tell } = link;
  const beforeServing =
    app === undefined ? `without a call of run() or start() of the Arbiter named '${name}'` : 'before it served';
  let worker: Servant | undefined;
  let ordered: Servant | undefined;
  let reported = false;
  let draining = false;
  let crashing = false;
  let quitting = false;
  /** Whether what is told gets into a log. */
  let heard = logged;
  /** What it waited for when it began to serve. */
  let idle: readonly string[] = [];

  const failBoot = (error: unknown): never => {
    reported = true;
    const report = failureReport(error, lifecycle.phase);
    tell(report);
    process.exit(report.phase === 'load' ? EXIT.LOAD : EXIT.BOOT);
  };
  const fail = (error: unknown): void => {
    // A listener of the signal failed, not the work.
    const harmless = departure.isAnnounced;
    if (!worker && !harmless) return void failBoot(error);
    tell({ type: 'error', error: serializeError(error) });
    if (!heard) {
      const shown = error instanceof Error ? error.stack : inspect(error);
      process.stderr.write(`prefork: worker ${process.pid}: uncaught: ${shown}\n`);
    }
    if (harmless) return;
    // A second one on the way out: the state is worse than unknown.
    if (crashing) process.exit(EXIT.CRASH);
    crashing = true;
    // The answer to the request that is in flight now must not hide it from the master.
    slot.freeze();
    pulse.stop();
    exitWithin(CRASH_LIMIT);
    // Not in the context of the request that failed: what it tells others is none of their requests' business.
    OWN.runInAsyncScope(() => void exitAfter(() => worker?.crash()));
  };
  /** A request, or the boot, never came to its end, while the event loop turns. */
  const timeOut = ({ clock, elapsed }: Verdict): void => {
    if (crashing || quitting) return;
    crashing = true;
    reported = true;
    slot.freeze();
    const resources = process.getActiveResourcesInfo();
    const { answered, request, ended } = worker?.timeOut?.() ?? NOBODY;
    const startedAt = Date.now() - elapsed;
    const pending = without(resources, [...idle, ...connectionOf(request)]);
    tell({
      type: 'timeout',
      ...{ clock, elapsed, answered, hung: 'waiting', pending },
      ...(request && { request: { ...request, startedAt } }),
      ...(thread !== undefined && { thread }),
    });
    exitWithin(CRASH_LIMIT);
    exitAfter(() => ended);
  };
  const drain = (limit: number, why: string): void => {
    if (draining || crashing || !ordered) return;
    draining = true;
    slot.setState(STATE.DRAINING);
    const { patience, farewell } = drainTimes(limit);
    if (thread === undefined) setTimeout(hurry, patience, farewell).unref();
    departure.begin(why);
    exitAfter(() => ordered?.stop());
  };
  const hurry = (farewell: number): void => {
    if (!crashing && !quitting) ordered?.hurry?.(farewell);
  };
  // A drain may turn into a crash on the way, so the code is chosen at the end.
  const exitAfter = async (step: () => unknown): Promise<void> => {
    try {
      await step();
      process.exit(crashing ? EXIT.CRASH : EXIT.OK);
    } catch (error) {
      fail(error);
    }
  };
  const exitWithin = (limit: number): void => void setTimeout(() => process.exit(EXIT.CRASH), limit);
  const lifecycle: Lifecycle = {
    ...link,
    slot,
    pulse,
    phase: 'boot',
    failBoot,
    fail,
    takeOrders(servant) {
      ordered = servant;
      const exit = (): never => process.exit(EXIT.OK);
      const quit = (): void => {
        quitting = true;
        slot.setState(STATE.DRAINING);
        if (servant.quit === undefined) exit();
        setTimeout(exit, QUIT_LIMIT);
        servant.quit?.().then(exit, exit);
      };
      link.onOrders({ drain: () => drain(gracefulTimeout, LEAVES), quit, hurry });
    },
    serving(ready) {
      worker = ready;
      if (ordered === undefined) lifecycle.takeOrders(ready);
      if (draining) return;
      slot.setState(STATE.SERVING);
      pulse.serve();
      idle = process.getActiveResourcesInfo();
      tell({ type: 'ready', ...(ready.since !== undefined && { since: ready.since }) });
    },
  };

  pulse.onOverdue(timeOut);
  // Whoever sends them, as a terminal does to a group: what they mean is the master's to say.
  for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  process.on('uncaughtException', fail);
  process.on('exit', (code) => {
    slot.flush();
    worker?.lastWords?.(quitting ? 503 : 500);
    if (worker || reported || draining) return;
    const error = new Error(`the process ended with exit code ${code} ${beforeServing}`);
    tell({ type: 'failed', phase: 'boot', error: serializeError(error) });
  });
  link.onGone(() => {
    heard = false;
    if (!ordered) process.exit(EXIT.CRASH);
    exitWithin(ORPHAN_LIMIT);
    drain(ORPHAN_LIMIT, ORPHANED);
  });
  return lifecycle;
}

/** A worker that was not ready yet. */
const NOBODY: Timeout = { answered: false, ended: Promise.resolve() };

/** The client's own connection is not what its request waits for. */
function connectionOf(request: Timeout['request']): string[] {
  if (request === undefined) return [];
  return [request.remoteAddress === undefined ? 'PipeWrap' : 'TCPSocketWrap'];
}

/** What is waited for now, and was not then. */
function without(resources: readonly string[], before: readonly string[]): string[] {
  const rest = [...before];
  return resources.filter((resource) => {
    const known = rest.indexOf(resource);
    if (known !== -1) rest.splice(known, 1);
    return known === -1;
  });
}

function failureReport(error: unknown, phase: BootPhase): FailedMessage {
  if (error instanceof ReportedFailure) return error.report;
  const failed = { type: 'failed', phase, error: serializeError(error) } as const;
  if (error instanceof AppError) return { ...failed, phase: 'load', error: serializeError(error.cause) };
  if (!(error instanceof ListenError)) return failed;
  return { ...failed, phase: 'bind', error: serializeError(error.cause), socket: error.socket };
}
