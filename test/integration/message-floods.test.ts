import assert from 'node:assert/strict';
import test from 'node:test';
import type { MailPlan, MailReport } from '../fixtures/mail-host.js';
import { amount } from '../helpers/amount.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { eventually } from '../helpers/wait.js';

/*
 * Many messages down and up, while their receivers die: they arrive in order, none arrives twice, and each that is lost
 * is reported.
 */

const PLAN = amount({
  suite: { down: 4_000, window: 300, up: 1_500, rounds: 1, events: 3 },
  long: { down: 1_000_000, window: 2_000, up: 200_000, rounds: 3, events: 40 },
});

/** Milliseconds. On a busy machine, most of it is the time that workers take to start. */
const LIMIT = amount({ suite: 120_000, long: 1_200_000 });

const THREADED = { workerClass: 'threaded', threads: 2, workers: 2 } as const;
const CASES: readonly { name: string; options: HostOptions; kinds: MailPlan['kinds'] }[] = [
  { name: 'processes that die', options: { workerClass: 'async', workers: 2 }, kinds: ['kill'] },
  { name: 'threads that die', options: THREADED, kinds: ['exit'] },
  { name: 'threads and processes that die', options: THREADED, kinds: ['exit', 'kill'] },
  { name: 'processes that are stopped and reloaded', options: { workers: 2 }, kinds: ['pause', 'reload', 'kill'] },
  { name: 'threads that are reloaded', options: THREADED, kinds: ['reload', 'exit', 'pause'] },
];

for (const { name, options, kinds } of CASES) {
  test(`a flood to and from ${name}: in order, none twice, each loss an error`, async (t) => {
    const all = { app: fixture('hears.js'), logger: false, ...options, mail: { ...PLAN, kinds } };
    const host = new Host(t, all as HostOptions, { entry: 'mail-host.js' });
    await eventually(
      () => host.of('mail').length > 0,
      () => `the report\n${host.log}`,
      LIMIT,
    );
    const [report] = (await host.event('mail')) as [MailReport];
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual(report.faults, []);
    assert.equal(report.heard + report.lost, PLAN.down);
    assert.ok(report.events >= PLAN.events, `${report.events} events`);
    assert.ok(report.heard > PLAN.down / 2, `${report.heard} of ${PLAN.down} were heard`);
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
  });
}
