import { type SlotRecord, STATE } from '../scoreboard.js';
import type { ExitReason, WorkerHandle } from './worker-handle.js';

/** Why a worker ended, from what the master has told it, and what it has left on the scoreboard. */
export function exitReason(worker: WorkerHandle, record: SlotRecord | undefined, code: number | null): ExitReason {
  if (worker.timedOut) return 'timeout';
  if (worker.failure) return 'boot';
  if (worker.leavingFor !== undefined) return worker.leavingFor;
  if (!worker.ready) return 'boot';
  return code === 0 && record?.state === STATE.DRAINING ? 'stop' : 'crash';
}
