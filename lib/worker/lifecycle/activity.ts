import type { StacksMessage, ThreadActivity } from '../../protocol/activity.js';
import { pending } from '../insight/pending.js';
import { SlowRecord } from '../insight/slow-record.js';
import { readSlotAt } from '../vitals/board.js';
import type { Vitals } from '../vitals/vitals.js';

/** Who may have threads of its own. */
interface Supervisor {
  stacks?(ask: number): Promise<readonly ThreadActivity[]>;
}

/** The thread that answers, as far as this goes. */
export interface Answering {
  readonly vitals: Vitals;
  /** The index of its process's slot. */
  readonly slot: number;
  readonly thread: number | undefined;
  readonly servant: Supervisor | undefined;
}

/**
 * What this thread is doing, as it can say itself: it runs no request's code at this moment, but reads its orders, so it waits. Where it
 * supervises threads, what these are doing. Undefined when whoever watches it has answered in its place.
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
