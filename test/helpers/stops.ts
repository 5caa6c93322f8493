import { setTimeout as delay } from 'node:timers/promises';

/** The `timeout` of those who are stopped. Milliseconds. */
export const LIMIT = 1_500;
/** Nothing can tell a test that time has passed for processes that are stopped. */
export const STOPPED = 2 * LIMIT + 500;

/** All at once cannot be done; nobody shall be stopped while the master runs. */
export async function stopAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await delay(STOPPED);
  for (const pid of pids.toReversed()) process.kill(pid, 'SIGCONT');
}
