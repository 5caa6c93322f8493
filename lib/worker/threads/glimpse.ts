import type { ThreadActivity } from '../../protocol/activity.js';
import type { Glimpse, Looking } from '../insight/look.js';
import { inGlimpseLimit, listing, lookTwice } from '../watchdog/glimpse.js';
import type { ThreadHandle } from './thread-handle.js';
import type { Tracer } from './tracer.js';

/**
 * Pauses a thread for as long as it takes to write down its call stack, then lets it go on. To be called in the main
 * thread of its process.
 */
export function glimpseThread(thread: ThreadHandle, tracer: Tracer, looking: Looking): Promise<Glimpse> {
  return lookTwice(thread.watch.vitals, () => look(thread, tracer, looking));
}

async function look(thread: ThreadHandle, tracer: Tracer, { wanted, seen }: Looking): Promise<Glimpse> {
  const { threadId, watch } = thread;
  if (tracer.holds(threadId)) return { paused: 0, blind: 'taken' };
  const hold = await tracer.hold(threadId, wanted);
  if (hold === undefined) return { paused: 0, blind: 'impossible' };
  try {
    const stack = await inGlimpseLimit(Promise.race([hold.stack, hold.unwanted]), watch.vitals.systemThread);
    seen(stack !== undefined);
    if (stack === undefined) return { paused: 0, ...(!hold.isReached && { blind: 'impossible' }) };
    return { stack, paused: listing(hold.scripts) + hold.age };
  } finally {
    hold.release(!thread.terminated);
  }
}

/** What these threads are doing. Each thread answers itself, unless its event loop stands still. */
export async function activities(threads: readonly ThreadHandle[], ask: number): Promise<ThreadActivity[]> {
  return Promise.all(threads.map((thread) => thread.activity(ask)));
}
