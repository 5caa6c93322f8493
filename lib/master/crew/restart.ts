import { ArbiterError } from '../../errors.js';
import { workerName } from '../common/names.js';
import { type ArbiterState, refusal } from '../loop/states.js';
import type { Wish } from '../workers/wish.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import type { Roster } from './roster.js';

/**
 * Recycles the worker of a slot on request: a substitute is started, and the worker drains when the substitute is
 * ready. The returned function says whether the worker is gone. It throws when the substitute has failed; the worker
 * then stays and serves on.
 */
export function restart(roster: Roster<WorkerHandle>, id: number): (state: ArbiterState) => boolean {
  const worker = roster.staying().find((one) => one.id === id);
  if (!worker) throw refusal('restart', `there is no worker #${id}`);
  if (!worker.ready) throw refusal('restart', `${workerName(id)} is not ready yet`);
  const wish: Wish = worker.wish ?? { failed: undefined };
  worker.wish = wish;
  return (state) => {
    if (state === 'stopping') throw refusal('restart', state);
    if (!roster.has(worker)) return true;
    // The deaths of the slot do not tell: they are forgotten once its worker is stable, and not every failed substitute
    // is counted there.
    if (worker.leaving || wish.failed === undefined) return false;
    const { cause } = wish.failed;
    const why = cause?.message ?? 'the worker that was to replace it has died';
    throw new ArbiterError('ERR_WORKER_BOOT', `${workerName(id)} is not restarted, and serves on: ${why}`, { cause });
  };
}

/**
 * A substitute has died: the restart that it was started for has failed. No further one is started, which would fail
 * too.
 */
export function giveUp(roster: Roster<WorkerHandle>, dead: WorkerHandle): void {
  const partner = roster.partner(dead);
  if (partner?.wish === undefined) return;
  partner.wish.failed = { cause: dead.failure };
  partner.wish = undefined;
}
