import type { StacksMessage, ThreadActivity } from '../../protocol/activity.js';
import { pending } from '../insight/pending.js';
import { SlowRecord } from '../insight/slow-record.js';
import { readSlotAt } from '../vitals/board.js';
import type { Vitals } from '../vitals/vitals.js';

/** What this process runs: a worker, or a pool that has threads of its own. */
interface Supervisor {
  stacks?(ask: number): Promise<readonly ThreadActivity[]>;
}

/** What an answer needs to know of the thread that gives it. */
export interface Answering {
  readonly vitals: Vitals;
  /** The index of the slot of this process on the scoreboard. */
  readonly slot: number;
  readonly thread: number | undefined;
  readonly servant: Supervisor | undefined;
}

/**
 * Answers the master's question what this thread is doing. A thread that reads its orders runs no code of a request at
 * that moment, so it always answers that it waits. The main thread of a worker with threads answers with what its
 * threads are doing. Undefined when the watcher of this thread has already answered in its place.
 */
export async function answerAsk(
  ask: number,
  { vitals, slot, thread, servant }: Answering,
): Promise<StacksMessage | undefined> {
  if (!new SlowRecord(vitals.memory).answers(ask)) return undefined;
  if (servant?.stacks !== undefined) return { type: 'stacks', ask, threads: await servant.stacks(ask) };
  const { active = 0, request, connections = 0 } = readSlotAt(slot + (thread ?? 0)) ?? {};
  return {
    type: 'stacks',
    ask,
    threads: [
      {
        ...(thread !== undefined && { thread }),
        active,
        ...(request && { request }),
        doing: 'waiting',
        pending: pending(connections),
      },
    ],
  };
}
