/*
 * The first code of every worker process. It is loaded by --import or --require, before the application, its loaders
 * and everything else. The threads of a worker inherit the flag. Importing this file elsewhere does nothing.
 */
import { createServer } from 'node:net';
import { threadId } from 'node:worker_threads';
import { openStandardError } from '../../log/standard-error.js';
import { LIBRARY, preludeIn, preludePathIn } from '../../options/library.js';
import { FD, type WorkerSpec } from '../../protocol/spec.js';
import { SLOT_SIZE, STATE } from '../../scoreboard/scoreboard.js';
import { replaceDeadTerminals } from '../../system/dead-terminal.js';
import { leaveForCopies, spec, titleOf } from '../context.js';
import { linkToMaster } from '../lifecycle/control.js';
import { armFatalReport } from '../lifecycle/fatal-report.js';
import { startLifecycle } from '../lifecycle/lifecycle.js';
import type { Lifecycle } from '../lifecycle/servant.js';
import { guardStdin } from '../lifecycle/stdin.js';
import { ownScript } from '../own-script.js';
import { linkToProcess } from '../threads/link.js';
import { noteChildren, Offspring } from '../threads/offspring.js';
import { readSlotAt } from '../vitals/board.js';
import { Pulse } from '../vitals/pulse.js';
import { RecycleWatch } from '../vitals/recycle.js';
import { Slot } from '../vitals/slot.js';
import { startWatchdog } from '../watchdog/watchdog.js';
import { beFirstCopy } from './other-copy.js';
import { guardOutput } from './output.js';
import { type OwnWorker, ownWorker } from './self.js';

/** Undefined in a process or thread that is no worker. */
export const lifecycle: Lifecycle | undefined = spec && prepare(spec);
/**
 * What the application imports as `worker`. It is made available to other copies of this library before any code of the
 * application runs, since that may load such a copy first.
 */
export const own: OwnWorker | undefined = spec && lifecycle && leaveForCopies('worker', ownWorker(spec, lifecycle));
if (spec && spec.app === undefined) {
  ownScript.begin();
  beFirstCopy();
}
// The flag has loaded this file, but there is no spec: this is a thread that the application has started. It has
// modules of its own, and shares fd 0, the listening socket, with the process.
if (!spec && [preludeIn(LIBRARY), preludePathIn(LIBRARY)].includes(process.execArgv[1] ?? '')) {
  process.execArgv.splice(0, 2);
  guardStdin();
  guardOutput();
  armFatalReport();
}

function prepare(spec: WorkerSpec): Lifecycle {
  // Removes the flag and its value, so that processes that the application forks do not load this file.
  process.execArgv.splice(0, 2);
  guardStdin();
  guardOutput();
  armFatalReport();
  if (spec.thread !== undefined) return prepareThread(spec, spec.thread);
  // Opened while the process still has the user that it was started as.
  openStandardError();
  const pulse = new Pulse(spec.clocks, spec.spawnedAt);
  process.on('exit', replaceDeadTerminals);
  const image = new SharedArrayBuffer(SLOT_SIZE);
  const slot = new Slot(spec.slot, STATE.BOOTING, undefined, image);
  const lifecycle = startLifecycle(spec, slot, pulse, linkToMaster(spec));
  const { timeout, bootTimeout, slowAfter, watchdog } = spec.clocks;
  // The main thread of a threaded worker serves nothing and watches its threads itself, so it needs no watchdog.
  if (watchdog && timeout + bootTimeout + slowAfter > 0 && spec.workerClass !== 'threaded')
    startWatchdog(spec, pulse, image);
  const { maxRequests, maxMemory } = spec.recycle;
  if (maxRequests > 0 || maxMemory > 0) {
    slot.observe(new RecycleWatch(spec.recycle, (why) => lifecycle.tell({ type: 'recycle', why })));
  }
  if (spec.direct) keepNonBlocking(slot);
  process.title = titleOf(spec);
  try {
    if (spec.umask !== undefined) process.umask(spec.umask);
    becomeAccount(spec);
  } catch (error) {
    lifecycle.failBoot(error);
  }
  return lifecycle;
}

/** A thread has its own slot on the scoreboard, and continues the counters of the thread that it replaces. */
function prepareThread(spec: WorkerSpec, thread: number): Lifecycle {
  const index = spec.slot + thread;
  const before = readSlotAt(index);
  const link = linkToProcess();
  openStandardError(link.log);
  noteChildren(new Offspring(link.offspring));
  const slot = new Slot(index, STATE.BOOTING, before?.pid === process.pid ? before : undefined, link.slot);
  slot.setExitCode(threadId);
  // The memory of the whole process is watched in its main thread.
  slot.observe({ onRequests: link.countRequests, onMemory: () => undefined });
  return startLifecycle(spec, slot, new Pulse(spec.clocks, spec.spawnedAt, link.vitals), link);
}

/**
 * Sets O_NONBLOCK of the shared socket, and keeps it set. A spawn without the shell has cleared it, and a normal exit
 * of Node would clear it again. Listening on the socket sets the flag. At the exit, the process kills itself, so that
 * Node does not get to its clean-up.
 */
function keepNonBlocking(slot: Slot): void {
  createServer()
    .on('error', () => undefined)
    .listen({ fd: FD.SOCKET })
    .close();
  process.on('exit', (code) => {
    slot.setExitCode(code);
    process.kill(process.pid, 'SIGKILL');
  });
}

/**
 * Changes the user and group of this process. The supplementary groups come first. The user comes last, since the new
 * one may not change the rest.
 */
function becomeAccount({ user, group }: WorkerSpec): void {
  if (group === undefined) return;
  // `process.initgroups` is documented since Node 0.9, but missing in some versions of the types.
  const { initgroups } = process as { initgroups?: (user: string | number, group: string | number) => void };
  try {
    if (user === undefined) process.setgroups?.([group]);
    else initgroups?.call(process, user, group);
  } catch (error) {
    // The user is a number that has no name, so it is in no group but the given one.
    if (typeof user !== 'number' || (error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_CREDENTIAL') throw error;
    process.setgroups?.([group]);
  }
  process.setgid?.(group);
  if (user !== undefined) process.setuid?.(user);
}
