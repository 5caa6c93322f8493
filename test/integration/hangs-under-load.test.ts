import assert from 'node:assert/strict';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { loadWithHangs } from '../helpers/hanging-load.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

/** How many requests hang; the documentation speaks of 200. */
const HANGS = amount({ suite: 4, long: 200 });
const WORKERS = 4;

test(`${HANGS} hangs under load: each has its 504 and its stack, and nobody else fails`, async (t) => {
  const host = new Host(t, { workers: WORKERS, timeout: 600, app: fixture('hangs.js') });
  const url = await host.ready();
  const { statuses, served, late, failures } = await loadWithHangs(url, {
    hangs: HANGS,
    hanging: () => '/spin',
    other: '/',
  });
  await host.until(() => host.of('worker:exit').length >= HANGS, `${HANGS} exits`);

  t.diagnostic(`${served} other requests served, ${late} came late to a worker that hung`);
  assert.deepEqual(failures, []);
  assert.ok(served > HANGS, `${served} other requests`);
  assert.deepEqual(statuses, Array(HANGS).fill('HTTP/1.1 504 Gateway Timeout'));
  const reports = host.of('worker:timeout').map(({ args: [worker, report] }) => ({ pid: worker.pid, ...report }));
  assert.equal(reports.length, HANGS);
  for (const { clock, answered, hung, stack, request } of reports) {
    assert.deepEqual([clock, answered, hung, request.url], ['request', true, 'javascript', '/spin']);
    assert.match(stack, /^ +at spinForEver /);
  }
  const exits = host.of('worker:exit');
  assert.deepEqual(new Set(exits.map(({ args: [, exit] }) => exit.reason)), new Set(['timeout']));
  assert.deepEqual(exits.map(({ args: [worker] }) => worker.pid).sort(), reports.map(({ pid }) => pid).sort());
  const { timeouts, crashes, respawns, errors } = (await host.stats()).totals;
  assert.deepEqual(
    { timeouts, crashes, respawns, errors },
    { timeouts: HANGS, crashes: 0, respawns: HANGS, errors: 0 },
  );
});
