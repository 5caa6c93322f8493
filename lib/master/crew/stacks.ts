import type { ThreadActivity } from '../../protocol/activity.js';
import { kernelState } from '../../system/thread-state.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import type { WorkerInfo } from '../workers/worker-info.js';

/** What a worker, or a thread of one, does at this moment. */
export interface WorkerStack extends ThreadActivity {
  /** The slot; 0 for a spare. */
  readonly id: number;
  readonly pid: number | undefined;
  readonly state: WorkerInfo['state'];
}

/**
 * Asks all workers at once. For one that does not answer in time, the result is what the kernel says of its main
 * thread.
 */
export async function stacksOf(workers: readonly WorkerHandle[]): Promise<WorkerStack[]> {
  const found = await Promise.all(
    workers.map(async (worker) => {
      const threads = await worker.inquiry.ask();
      const { id, pid, state } = worker.info();
      if (threads === undefined && state === 'exited') return [];
      return (threads ?? [silent(pid)]).map((thread) => ({ id, pid, state, ...thread }));
    }),
  );
  return found.flat();
}

function silent(pid: number | undefined): ThreadActivity {
  const kernel = pid === undefined ? undefined : kernelState(`/proc/${pid}`);
  return { active: 0, ...(kernel && { kernel }) };
}
