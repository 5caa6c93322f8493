import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from './host.js';

/** Resolves when this many milliseconds have passed on a host's own clock. Its workers are not woken for that. */
export async function passing(host: Host, milliseconds: number): Promise<void> {
  const uptime = async (): Promise<number> => (await host.stats()).uptime;
  const goal = (await uptime()) + milliseconds;
  // The host is asked so seldom that it costs no CPU to speak of.
  for (let left = milliseconds; left > 0; left = goal - (await uptime())) await delay(left);
}

/** Asserts that no worker has timed out or ended. */
export async function assertNobodyTimedOut(host: Host): Promise<void> {
  assert.deepEqual([host.of('worker:timeout'), host.of('worker:exit')], [[], []], host.log);
  assert.equal((await host.stats()).totals.timeouts, 0);
}
