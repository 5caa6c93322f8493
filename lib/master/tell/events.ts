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
  /** Of one that is `overdue`: what its threads were doing shortly before, if it has said so. */
  readonly stacks?: readonly ThreadActivity[];
  /** So many messages that its application had sent did not get so far; see {@link Worker.send}. */
  readonly lostMessages?: number;
  /** The thread, from 1, in which V8 or node ended the process, where they could say so: by far the most memory, mostly. */
  readonly thread?: number;
  /** What it was serving at that moment, if anything; of several, that of {@link WorkerExit.thread}, or the oldest. */
  readonly request?: SlotRequest;
  /** Where its threads were serving more than one request: all of them, the oldest first. */
  readonly requests?: readonly SlotRequest[];
  /** How many requests it was serving at that moment, where that is several, and more than are named: an async worker names one. */
  readonly active?: number;
}

/** How a thread of a threaded worker ended. The thread is replaced; the others of its process go on. */
export interface ThreadExit {
  /** Its number, from 1; its replacement has the same. */
  readonly thread: number;
  /** Its exit code; 1 also of one that was terminated, or that nothing could terminate, and that was given up. */
  readonly code: number;
  readonly reason: ThreadExitReason;
  /** What it was serving at that moment, if anything. */
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

/** What a reload has come to. */
export interface ReloadResult {
  /** The number of the generation that serves now. */
  readonly generation: number;
  /** How many workers it has replaced. */
  readonly replaced: number;
}

/** The events of an Arbiter and what their listeners get. A listener that throws, or rejects, is reported by `error` and ends nothing. */
export interface ArbiterEvents {
  /** Clients can connect to an address; once for each, when the first worker is ready. */
  listening: [address: BoundAddress];
  /** All workers are ready for the first time. */
  ready: [];
  /** The master can be asked and told from outside, at this address; see {@link ArbiterOptions.control}. */
  control: [address: BoundAddress];
  /**
   * A process was started, for a slot, or as a spare: then its `id` is 0. Or the system could not: then it has no `pid`, and `worker:error`, which says why, and
   * `worker:exit` follow.
   */
  'worker:spawn': [worker: WorkerInfo];
  /** A spare has booted, and waits for a slot; see {@link ArbiterOptions.spares}. When it takes one, `'worker:ready'` has the number of that slot. */
  'worker:spare': [worker: WorkerInfo];
  'worker:ready': [worker: WorkerInfo];
  /** A worker ended; its replacement, if it gets one, starts afterwards. */
  'worker:exit': [worker: WorkerInfo, exit: WorkerExit];
  'worker:timeout': [worker: WorkerInfo, timeout: WorkerTimeout];
  /** A request is not done after {@link ArbiterOptions.slowAfter}, and goes on; each is told once, and not more than 300 a minute of a worker, or thread. */
  'worker:slow': [worker: WorkerInfo, report: SlowReport];
  /** The error that a worker ends with, with its own stack; before its `worker:exit`. */
  'worker:error': [worker: WorkerInfo, error: Error];
  /** Something that an operator should know, and that ends nothing; each kind at most once a minute for each worker, or thread; lost lines of the access log once more when it ends. */
  'worker:warning': [worker: WorkerInfo, warning: WorkerWarning];
  /** A thread of a threaded worker ended without being told to; its error was in a `worker:error` before, if it had one. */
  'thread:exit': [worker: WorkerInfo, exit: ThreadExit];
  /** The worker's own application or class sent something, see {@link Worker.send}. `thread`: in which of them, from 1; 0 in a worker without threads. */
  'worker:message': [worker: WorkerInfo, message: unknown, origin: { readonly thread: number }];
  /** A slot gets no new worker for `delay` milliseconds after its `failures`th death in a row. `id` 0: no spare is started for so long. */
  'worker:backoff': [id: number, backoff: { readonly delay: number; readonly failures: number }];
  /**
   * A slot has failed twice in a row, with no worker since that was ready for two seconds, so it waits before each further
   * attempt. The others serve on. Said once, with all slots that fail at that moment; `stats()` has the present ones.
   */
  degraded: [slots: readonly FailingSlot[]];
  /** No slot fails any more: after `degraded`, once. */
  recovered: [];
  /** At the start, once: the system holds fewer clients that wait than `backlog` asks for, `net.core.somaxconn`. */
  'queue:cut': [cut: { readonly asked: number; readonly backlog: number }];
  /** The queue of an address is more than half full, and was so for two seconds: clients come faster than workers take them. */
  'queue:high': [queue: QueueReport];
  /** After `queue:high`: the queue of that address is a quarter full or less, and was so for two seconds. */
  'queue:normal': [queue: QueueReport];
  /** The number of workers is to change. */
  scale: [to: number, from: number];
  /** A reload begins: the number of the generation that is to serve. */
  reload: [generation: number];
  /** The new generation serves, and the workers of the old one are gone. */
  reloaded: [result: ReloadResult];
  /** A reload has failed, `ERR_RELOAD_FAILED`; the generation from before serves on. */
  rollback: [error: ArbiterError];
  /** Another process, of that pid, serves the same sockets from now on, beside this one; see {@link Arbiter.upgrade}. */
  upgrade: [pid: number];
  /**
   * Workers are told to go and nobody replaces them, by WINCH: clients wait until HUP, TTIN, TTOU, `reload()` or `scale()` ends that. During the
   * start, or a reload, it begins when that has ended.
   */
  hold: [];
  /** After `hold`: workers come again. */
  resume: [];
  /**
   * The master got a signal of its table. `origin` is `'terminal'` where nobody has sent it: WINCH while there is a controlling terminal is not
   * obeyed, and HUP because the terminal is gone is a graceful stop.
   */
  signal: [name: MasterSignal, origin?: 'terminal'];
  stop: [options: { readonly graceful: boolean }];
  stopped: [];
  /** Something failed that no promise tells of. With neither a listener nor a log it becomes a process warning. */
  error: [error: Error];
}
