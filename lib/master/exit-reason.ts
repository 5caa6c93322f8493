import { type SlotRecord, STATE } from '../scoreboard.js';
import type { WorkerExit } from './events.js';
import type { ExitReason, WorkerHandle, WorkerTurn } from './worker-handle.js';

type ExitTurn = Extract<WorkerTurn, { type: 'exit' }>;

/** How a worker ended, from what the system and the worker itself tell. */
export function explainExit({ worker, code, signal }: ExitTurn, record: SlotRecord | undefined): WorkerExit {
  // A worker without a shell kills itself, and leaves the code that it would have exited with.
  const told = signal === 'SIGKILL' ? record?.exitCode : undefined;
  const exit = told === undefined ? { code, signal } : { code: told, signal: null };
  const reason = exitReason(worker, record, exit.code);
  const request = reason === 'boot' ? undefined : record?.request;
  const overdue = worker.overdue && signal === 'SIGKILL' && ({ overdue: true } as const);
  return { ...exit, reason, ...overdue, ...(request && { request }) };
}

function exitReason(worker: WorkerHandle, record: SlotRecord | undefined, code: number | null): ExitReason {
  if (worker.timedOut) return 'timeout';
  if (worker.failure) return 'boot';
  if (worker.dismissed && code !== 0 && !worker.overdue) return 'crash';
  if (worker.leavingFor !== undefined) return worker.leavingFor;
  if (!worker.ready) return 'boot';
  return code === 0 && record?.state === STATE.DRAINING ? 'stop' : 'crash';
}
