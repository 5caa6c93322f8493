import type { ArbiterError } from '../../errors.js';
import type { MasterSignal } from '../../options/types.js';
import type { SlowMessage, SlowReport, ThreadActivity } from '../../protocol/activity.js';
import type { ThreadExitReason, TimeoutReport, WorkerMessage } from '../../protocol/messages.js';
import type { WarningMessage, WorkerWarning } from '../../protocol/warning.js';
import type { SlotRequest } from '../../scoreboard/scoreboard.js';
import type { FailingSlot } from '../scoreboard/stats.js';
import type { BoundAddress } from '../sockets/listener.js';
import type { QueueReport } from '../sockets/queue-level.js';
import type { ExitReason, WorkerInfo } from '../workers/worker-info.js';

/** How a worker ended. */
export interface WorkerExit {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly reason: ExitReason;
  /** Set when it was killed because it had not drained within `gracefulTimeout`. */
  readonly overdue?: true;
  /** For a worker that is `overdue`: what its threads were doing shortly before, if it has said so. */
  readonly stacks?: readonly ThreadActivity[];
  /** How many messages that its application had sent did not reach the master; see {@link Worker.send}. */
  readonly lostMessages?: number;
  /**
   * The number, from 1, of the thread in which V8 or Node ended the process, where they could say so. In most cases, it
   * had run out of memory.
   */
  readonly thread?: number;
  /**
   * The request that it was serving at that moment, if any. Of several, it is the one of {@link WorkerExit.thread}, or
   * else the oldest.
   */
  readonly request?: SlotRequest;
  /** All requests that its threads were serving at that moment, the oldest first, if there was more than one. */
  readonly requests?: readonly SlotRequest[];
  /**
   * How many requests it was serving at that moment. Set if there were several, and more than are named: an async
   * worker names one.
   */
  readonly active?: number;
}

/** How a thread of a threaded worker ended. The thread is replaced; the others of its process go on. */
export interface ThreadExit {
  /** Its number, from 1; its replacement has the same. */
  readonly thread: number;
  /**
   * Its exit code; also 1 for a thread that was terminated, and for one that nothing could terminate and that was given
   * up.
   */
  readonly code: number;
  readonly reason: ThreadExitReason;
  /** The request that it was serving at that moment, if any. */
  readonly request?: SlotRequest;
}

export function threadExit({ type, ...exit }: Extract<WorkerMessage, { type: 'thread' }>): ThreadExit {
  return exit;
}

export function timeoutReport({ type, ...report }: Extract<WorkerMessage, { type: 'timeout' }>): TimeoutReport {
  return report;
}

export function slowReport({ type, ...report }: SlowMessage): SlowReport {
  return report;
}

export function warningOf({ type, ...warning }: WarningMessage): WorkerWarning {
  return warning;
}

/** A worker, or a thread of one, ran out of time. It ends, and is replaced. */
export type WorkerTimeout = TimeoutReport;

/** The result of a reload. */
export interface ReloadResult {
  /** The number of the generation that serves now. */
  readonly generation: number;
  /** How many workers it has replaced. */
  readonly replaced: number;
}

/**
 * The events of an Arbiter, and the arguments that their listeners get. A listener that throws, or rejects, is reported
 * by `error` and ends nothing.
 */
export interface ArbiterEvents {
  /** Clients can connect to an address. Emitted once for each address, when the first worker is ready. */
  listening: [address: BoundAddress];
  /** All workers are ready for the first time. */
  ready: [];
  /** The master can be asked, and given orders, from outside at this address; see {@link ArbiterOptions.control}. */
  control: [address: BoundAddress];
  /**
   * A process was started for a slot, or as a spare, whose `id` is 0. If the system could not start the process, the
   * worker has no `pid`; `worker:error`, which says why, and `worker:exit` follow.
   */
  'worker:spawn': [worker: WorkerInfo];
  /**
   * A spare has booted, and waits for a slot; see {@link ArbiterOptions.spares}. When it takes one, `'worker:ready'`
   * has the number of that slot.
   */
  'worker:spare': [worker: WorkerInfo];
  'worker:ready': [worker: WorkerInfo];
  /**
   * A worker ended. If it gets a replacement, that one starts afterwards; after a recycle or a reload, it has started
   * before.
   */
  'worker:exit': [worker: WorkerInfo, exit: WorkerExit];
  'worker:timeout': [worker: WorkerInfo, timeout: WorkerTimeout];
  /**
   * A request is not done after {@link ArbiterOptions.slowAfter}, and goes on. Each request is reported once, and not
   * more than 300 a minute for each worker, or thread.
   */
  'worker:slow': [worker: WorkerInfo, report: SlowReport];
  /** The error that a worker ends with, with its own stack. It comes before the worker's `worker:exit`. */
  'worker:error': [worker: WorkerInfo, error: Error];
  /**
   * Something that an operator should know, and that ends nothing. Each kind is reported at most once a minute for each
   * worker, or thread. Lost lines of the access log are reported once more when it ends.
   */
  'worker:warning': [worker: WorkerInfo, warning: WorkerWarning];
  /** A thread of a threaded worker ended without being told to. If it had an error, a `worker:error` came before. */
  'thread:exit': [worker: WorkerInfo, exit: ThreadExit];
  /**
   * The worker's own application or class sent something, see {@link Worker.send}. `thread` is the number of the thread
   * that sent it, from 1; 0 in a worker without threads.
   */
  'worker:message': [worker: WorkerInfo, message: unknown, origin: { readonly thread: number }];
  /**
   * A slot gets no new worker for `delay` milliseconds, after `failures` deaths in a row. `id` 0: no spare is started
   * for that long.
   */
  'worker:backoff': [id: number, backoff: { readonly delay: number; readonly failures: number }];
  /**
   * A slot has failed twice in a row, and no worker in between was ready for two seconds, so the slot waits before each
   * further attempt. The other slots serve on. Emitted once, with all slots that fail at that moment; `stats()` has the
   * present ones.
   */
  degraded: [slots: readonly FailingSlot[]];
  /** No slot fails any more. Emitted once, after `degraded`. */
  recovered: [];
  /**
   * Emitted once, at the start: the system holds fewer waiting clients than `backlog` asks for, see
   * `net.core.somaxconn`.
   */
  'queue:cut': [cut: { readonly asked: number; readonly backlog: number }];
  /**
   * The accept queue of an address is more than half full, and has been for two seconds: clients come faster than
   * workers take them.
   */
  'queue:high': [queue: QueueReport];
  /** After `queue:high`: the accept queue of that address is a quarter full or less, and has been for two seconds. */
  'queue:normal': [queue: QueueReport];
  /** The number of workers is to change. */
  scale: [to: number, from: number];
  /** A reload begins. `generation` is the number of the generation that is to serve. */
  reload: [generation: number];
  /** The new generation serves, and the workers of the old one are gone. */
  reloaded: [result: ReloadResult];
  /** A reload has failed, with `ERR_RELOAD_FAILED`. The generation from before serves on. */
  rollback: [error: ArbiterError];
  /**
   * Another process, with that pid, serves the same sockets from now on, beside this one; see {@link Arbiter.upgrade}.
   */
  upgrade: [pid: number];
  /**
   * WINCH: all workers are told to go, and nobody replaces them. Clients wait until HUP, TTIN, TTOU, `reload()` or
   * `scale()` ends the hold. If WINCH comes during the start, or a reload, the hold begins when that has ended.
   */
  hold: [];
  /** After `hold`: workers come again. */
  resume: [];
  /**
   * The master got one of the signals that it handles. `origin` is `'terminal'` where nobody has sent the signal. WINCH
   * is not obeyed while there is a controlling terminal, and HUP because the terminal is gone is a graceful stop.
   */
  signal: [name: MasterSignal, origin?: 'terminal'];
  stop: [options: { readonly graceful: boolean }];
  stopped: [];
  /** Something failed that no promise reports. With neither a listener nor a log, it becomes a process warning. */
  error: [error: Error];
}
