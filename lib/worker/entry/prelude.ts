/*
 * The first code of every worker process, loaded by --import or --require before the application, its loaders and everything
 * else. The flag reaches the threads of a worker too. Importing it elsewhere does nothing.
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

/** Undefined where this is no worker. */
export const lifecycle: Lifecycle | undefined = spec && prepare(spec);
/** What the application finds as `worker`. Left before its code, in which a copy of this library may come first. */
export const own: OwnWorker | undefined = spec && lifecycle && leaveForCopies('worker', ownWorker(spec, lifecycle));
if (spec && spec.app === undefined) {
  ownScript.begin();
  beFirstCopy();
}
// Loaded by the flag, but not by a worker: by a thread of one, which has modules of its own and the same fd 0.
if (!spec && [preludeIn(LIBRARY), preludePathIn(LIBRARY)].includes(process.execArgv[1] ?? '')) {
  process.execArgv.splice(0, 2);
  guardStdin();
  guardOutput();
  armFatalReport();
}

function prepare(spec: WorkerSpec): Lifecycle {
  // Forks of the application must not load this file again.
  process.execArgv.splice(0, 2);
  guardStdin();
  guardOutput();
  armFatalReport();
  if (spec.thread !== undefined) return prepareThread(spec, spec.thread);
  // Before it is another user's process.
  openStandardError();
  const pulse = new Pulse(spec.clocks, spec.spawnedAt);
  process.on('exit', replaceDeadTerminals);
  const image = new SharedArrayBuffer(SLOT_SIZE);
  const slot = new Slot(spec.slot, STATE.BOOTING, undefined, image);
  const lifecycle = startLifecycle(spec, slot, pulse, linkToMaster(spec));
  const { timeout, bootTimeout, slowAfter, watchdog } = spec.clocks;
  // The main thread of a threaded worker serves nothing, and watches its threads.
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

/** A thread has its own slot, and goes on with the counters of the one that it replaces. */
function prepareThread(spec: WorkerSpec, thread: number): Lifecycle {
  const index = spec.slot + thread;
  const before = readSlotAt(index);
  const link = linkToProcess();
  openStandardError(link.log);
  noteChildren(new Offspring(link.offspring));
  const slot = new Slot(index, STATE.BOOTING, before?.pid === process.pid ? before : undefined, link.slot);
  slot.setExitCode(threadId);
  // The process's memory is watched in its main thread.
  slot.observe({ onRequests: link.countRequests, onMemory: () => undefined });
  return startLifecycle(spec, slot, new Pulse(spec.clocks, spec.spawnedAt, link.vitals), link);
}

/**
 * Without the shell, the spawn has cleared O_NONBLOCK of the shared socket, and a normal exit of node would clear it
 * again. To listen sets it; a process that kills itself does not get to node's clean-up.
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

/** Makes this process another user's: supplementary groups first, the user last, since that ends the right to the rest. */
function becomeAccount({ user, group }: WorkerSpec): void {
  if (group === undefined) return;
  // Documented since Node 0.9, missing in some versions of its types.
  const { initgroups } = process as { initgroups?: (user: string | number, group: string | number) => void };
  try {
    if (user === undefined) process.setgroups?.([group]);
    else initgroups?.call(process, user, group);
  } catch (error) {
    // A number without a name is in no group but the one that it is given.
    if (typeof user !== 'number' || (error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_CREDENTIAL') throw error;
    process.setgroups?.([group]);
  }
  process.setgid?.(group);
  if (user !== undefined) process.setuid?.(user);
}
