import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fixture } from '../helpers/host.js';
import { alive, gone, kill } from '../helpers/process.js';

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`a test that is ended from outside leaves no host behind: ${signal}`, async (t) => {
    const child = fork(fixture('test-process.js'), { execArgv: [] });
    const [pids] = (await once(child, 'message')) as [number[]];
    t.after(() => pids.forEach(kill));
    assert.deepEqual([pids.length, pids.every(alive)], [3, true]);
    // Most hosts end by themselves when their channel does. One that is stopped, or busy, does not hear of it.
    process.kill(pids[0] as number, 'SIGSTOP');
    child.kill(signal);
    await once(child, 'exit');
    await gone(...pids);
  });
}
