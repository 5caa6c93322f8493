import { setTimeout as delay } from 'node:timers/promises';

/** The `timeout` of those who are stopped. Milliseconds. */
export const LIMIT = 1_500;
/** Nothing can tell a test that time has passed for processes that are stopped. */
export const STOPPED = 2 * LIMIT + 500;

/** A `bootTimeout`, and a longer stop: to boot takes a CPU, and how long others have had that is known of the main thread only. */
export const BOOT = { limit: 3_000, stopped: 4_000 } as const;

/** All at once cannot be done; nobody shall be stopped while the master runs. */
export async function stopAll(pids: readonly number[], duration: number = STOPPED): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await delay(duration);
  for (const pid of pids.toReversed()) process.kill(pid, 'SIGCONT');
}
