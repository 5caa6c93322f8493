import { ArbiterError } from '../../errors.js';
import { workerName } from '../common/names.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { FAILS_FROM, type Roster } from './roster.js';

/**
 * What says whether a change to so many workers has come to hold. It throws when one of their slots fails again and again since it was asked for: that may
 * go on for ever, and whoever waits has to know. The number stays wanted, and is tried on.
 */
export function scaling(roster: Roster<WorkerHandle>, target: number, holds: () => boolean): () => boolean {
  const failing = () => roster.failing(target, performance.now());
  const before = new Map(failing().map(({ id, failures }) => [id, failures]));
  let cause: Error | undefined;
  return () => {
    if (holds()) return true;
    for (const worker of roster.all()) cause = worker.failure ?? worker.lastError ?? cause;
    // What was counted before is over, or has begun anew meanwhile.
    const since = (id: number, failures: number): number => {
      const known = before.get(id) ?? 0;
      return failures < known ? failures : failures - known;
    };
    const slot = failing().find(({ id, failures }) => since(id, failures) >= FAILS_FROM);
    if (slot === undefined) return false;
    const why = cause === undefined ? '' : `: ${cause.message}`;
    const message = `${target} workers are wanted, and ${workerName(slot.id)} has failed ${slot.failures} times in a row; it is tried on${why}`;
    throw new ArbiterError('ERR_WORKER_BOOT', message, { cause });
  };
}
