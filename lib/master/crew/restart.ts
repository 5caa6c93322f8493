import { ArbiterError } from '../../errors.js';
import { workerName } from '../common/names.js';
import { type ArbiterState, refusal } from '../loop/states.js';
import type { Wish } from '../workers/wish.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import type { Roster } from './roster.js';

/**
 * Has the worker of a slot recycled because somebody wants it: another one is started, and it drains when that one is ready. What is returned says
 * whether it is gone, and throws when the other one has failed: then it stays, and serves on.
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
    // Not by the deaths of the slot: they are forgotten when its worker is stable, and not all of those who fail are counted there.
    if (worker.leaving || wish.failed === undefined) return false;
    const { cause } = wish.failed;
    const why = cause?.message ?? 'the worker that was to replace it has died';
    throw new ArbiterError('ERR_WORKER_BOOT', `${workerName(id)} is not restarted, and serves on: ${why}`, { cause });
  };
}

/** A worker has died beside the one that it was to replace: nobody is started again for that, who would fail as well. */
export function giveUp(roster: Roster<WorkerHandle>, dead: WorkerHandle): void {
  const partner = roster.partner(dead);
  if (partner?.wish === undefined) return;
  partner.wish.failed = { cause: dead.failure };
  partner.wish = undefined;
}
