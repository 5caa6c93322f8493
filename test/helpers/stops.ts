import { setTimeout as delay } from 'node:timers/promises';

/** The `timeout` of the processes that are stopped. Milliseconds. */
export const LIMIT = 1_500;
/**
 * How long they are stopped. It is a fixed time, since nothing can tell a test that time has passed for a stopped
 * process. Milliseconds.
 */
export const STOPPED = 2 * LIMIT + 500;

/**
 * A `bootTimeout`, and a stop that is longer. Both are long, since booting takes a CPU, and how long other processes
 * have had the CPU is known for the main thread only. Milliseconds.
 */
export const BOOT = { limit: 6_000, stopped: 8_000 } as const;

/**
 * Stops processes, and lets them continue in the reverse order. They cannot all be stopped at once. The master is the
 * first in the list: it is stopped first and continues last, so no worker is stopped while the master runs.
 */
export async function stopAll(pids: readonly number[], duration: number = STOPPED): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await delay(duration);
  for (const pid of pids.toReversed()) process.kill(pid, 'SIGCONT');
}
