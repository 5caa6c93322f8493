import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { WorkerTimeout } from 'prefork';
import { Host, type HostOptions } from './host.js';

/** `bootTimeout` of the last try. Milliseconds. */
const LONGEST = 32_000;

/**
 * Starts a host whose worker hangs while it boots, and is ended for that. With little CPU, `bootTimeout` is over before
 * it has come to its hang, or the watchdog does not get to look: then it is tried again, with twice as long.
 *
 * @param hangs - Whether this is the report of one that has come to its hang.
 */
export async function bootHang(
  t: TestContext,
  options: HostOptions,
  hangs: (report: WorkerTimeout) => boolean,
): Promise<{ host: Host; report: WorkerTimeout }> {
  for (let bootTimeout = 1_000; ; bootTimeout *= 2) {
    const host = new Host(t, { ...options, bootTimeout });
    const [error] = await host.event('rejected');
    assert.deepEqual([error.code, error.exitCode], ['ERR_BOOT_TIMEOUT', 3]);
    const [[, report], ...others] = host.of('worker:timeout').map(({ args }) => args) as [[unknown, WorkerTimeout]];
    assert.deepEqual([report.clock, report.answered, others], ['boot', false, []]);
    assert.ok(report.elapsed >= bootTimeout, `${report.elapsed} ms of ${bootTimeout}`);
    await host.exited();
    const [, { reason }] = await host.event('worker:exit');
    assert.equal(reason, 'timeout');
    if (hangs(report) || bootTimeout === LONGEST) return { host, report };
  }
}
