import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from './host.js';

/** Resolves when so many milliseconds have passed by a host's own account. Nobody wakes its workers for that. */
export async function passing(host: Host, milliseconds: number): Promise<void> {
  const uptime = async (): Promise<number> => (await host.stats()).uptime;
  const goal = (await uptime()) + milliseconds;
  // So seldom that it does not matter to anybody's CPU.
  for (let left = milliseconds; left > 0; left = goal - (await uptime())) await delay(left);
}

/** No clock ran out, and no worker has ended for another reason. */
export async function assertNobodyTimedOut(host: Host): Promise<void> {
  assert.deepEqual([host.of('worker:timeout'), host.of('worker:exit')], [[], []], host.log);
  assert.equal((await host.stats()).totals.timeouts, 0);
}
