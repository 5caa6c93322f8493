import assert from 'node:assert/strict';
import test from 'node:test';
import type { MailPlan, MailReport } from '../fixtures/mail-host.js';
import { amount } from '../helpers/amount.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { eventually } from '../helpers/wait.js';

/* Many messages down and up, while those who hear them die: in order, none twice, and each that is lost is told of. */

const PLAN = amount({
  suite: { down: 20_000, window: 500, up: 5_000, rounds: 1, deaths: 3 },
  long: { down: 1_000_000, window: 2_000, up: 200_000, rounds: 5, deaths: 40 },
});

const LIMIT = amount({ suite: 60_000, long: 1_200_000 });

const CASES: readonly { name: string; options: HostOptions; plan: Pick<MailPlan, 'dies'> }[] = [
  { name: 'processes', options: { workerClass: 'async', workers: 2 }, plan: { dies: 'process' } },
  { name: 'threads', options: { workerClass: 'threaded', threads: 2, workers: 2 }, plan: { dies: 'thread' } },
  {
    name: 'threads and their processes',
    options: { workerClass: 'threaded', threads: 2, workers: 2 },
    plan: { dies: 'both' },
  },
];

for (const { name, options, plan } of CASES) {
  test(`a flood to and from ${name} that die: in order, none twice, each loss an error`, async (t) => {
    const all = { app: fixture('hears.js'), logger: false, ...options, mail: { ...PLAN, ...plan } };
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
    assert.equal(report.deaths, PLAN.deaths);
    assert.ok(report.heard > PLAN.down / 2, `${report.heard} of ${PLAN.down} were heard`);
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
  });
}
