import assert from 'node:assert/strict';
import type { Host } from './host.js';
import { eventually } from './wait.js';

/** Resolves when so many milliseconds have passed by a host's own account. Nobody wakes its workers for that. */
export async function passing(host: Host, milliseconds: number): Promise<void> {
  const goal = (await host.stats()).uptime + milliseconds;
  await eventually(async () => (await host.stats()).uptime >= goal, `${milliseconds} ms of the host`);
}

/** No clock ran out, and no worker has ended for another reason. */
export async function assertNobodyTimedOut(host: Host): Promise<void> {
  assert.deepEqual([host.of('worker:timeout'), host.of('worker:exit')], [[], []], host.log);
  assert.equal((await host.stats()).totals.timeouts, 0);
}
