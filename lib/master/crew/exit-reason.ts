import { type SlotRecord, STATE } from '../../scoreboard/scoreboard.js';
import { mergeRecords, requestsOf } from '../scoreboard/stats.js';
import type { WorkerExit } from '../tell/events.js';
import type { WorkerHandle, WorkerTurn } from '../workers/worker-handle.js';
import type { ExitReason } from '../workers/worker-info.js';

/**
 * How a worker ended, from what the system tells and from its scoreboard slots: the worker's own first, then those of
 * its threads by number.
 */
export function explainExit(
  { worker, code, signal, fatal }: Extract<WorkerTurn, { type: 'exit' }>,
  slots: readonly (SlotRecord | undefined)[],
): WorkerExit {
  const records = slots.filter((slot) => slot !== undefined);
  const record = mergeRecords(records);
  // A worker that was spawned without a shell ends itself by SIGKILL, and leaves its exit code on the scoreboard.
  const told = signal === 'SIGKILL' ? record?.exitCode : undefined;
  const exit = told === undefined ? { code, signal } : { code: told, signal: null };
  const reason = exitReason(worker, record, exit.code);
  const overdue = worker.overdue && signal === 'SIGKILL' && ({ overdue: true } as const);
  const requests = reason === 'boot' ? [] : requestsOf(records);
  const thread = fatal && fatal.threadId > 0 ? numberOf(slots, fatal.threadId) : undefined;
  const request = requests.find((each) => thread !== undefined && each === slots[thread]?.request) ?? requests[0];
  const active = reason === 'boot' ? 0 : (record?.active ?? 0);
  const lost = lostMessages(slots[0]?.sent ?? 0, worker.control.received);
  return {
    ...{ ...exit, reason, ...overdue },
    ...(overdue && worker.inquiry.latest && { stacks: worker.inquiry.latest }),
    ...(lost > 0 && { lostMessages: lost }),
    ...(thread !== undefined && { thread }),
    ...(request && { request }),
    ...(requests.length > 1 && { requests }),
    ...(active > Math.max(1, requests.length) && { active }),
  };
}

/**
 * How many messages of the application were lost. Both counts are modulo 2^32. `sent` is stored only when a message has
 * to wait for the pipe, so `received` may be ahead of it: then nothing is lost.
 */
function lostMessages(sent: number, received: number): number {
  const lost = (sent - received) >>> 0;
  return lost < 2 ** 31 ? lost : 0;
}

/**
 * The number, from 1, of the serving thread that has this thread id in Node: a thread's slot has its id in place of an
 * exit code. Undefined for any other thread.
 */
function numberOf(slots: readonly (SlotRecord | undefined)[], threadId: number): number | undefined {
  const number = slots.findIndex((slot, index) => index > 0 && slot?.exitCode === threadId);
  return number > 0 ? number : undefined;
}

/** Whether the worker has had a request. */
export function hasServed(record: SlotRecord | undefined): boolean {
  return record !== undefined && record.requests + record.active > 0;
}

function exitReason(worker: WorkerHandle, record: SlotRecord | undefined, code: number | null): ExitReason {
  if (worker.timedOut) return 'timeout';
  if (worker.failure) return 'boot';
  if (worker.dismissed && code !== 0 && !worker.overdue) return 'crash';
  if (worker.leavingFor !== undefined) return worker.leavingFor;
  // A worker that has served has not failed to boot, even if some of its threads were not ready.
  if (!worker.booted && !hasServed(record)) return 'boot';
  return code === 0 && record?.state === STATE.DRAINING ? 'stop' : 'crash';
}
