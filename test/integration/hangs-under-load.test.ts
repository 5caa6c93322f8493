import assert from 'node:assert/strict';
import test from 'node:test';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';

/** Set it to 200 for what the documentation says. */
const HANGS = Number(process.env['HANGS'] ?? 24);
const WORKERS = 4;
/** So many hang at once: the rest of the workers serve the rest of the clients. */
const AT_ONCE = 2;
const OTHERS = 4;

test(`${HANGS} hangs under load: each has its 504 and its stack, and nobody else fails`, async (t) => {
  const host = new Host(t, { workers: WORKERS, timeout: 1_000, app: fixture('hangs.js') });
  const url = await host.ready();
  let left = HANGS;
  let hanging = true;
  const hang = async (): Promise<number[]> => {
    const statuses: number[] = [];
    while (left-- > 0) statuses.push((await get(`${url}/spin`)).status);
    return statuses;
  };
  const serve = async (): Promise<{ served: number; failures: unknown[] }> => {
    const failures: unknown[] = [];
    let served = 0;
    while (hanging) {
      try {
        const { status, body } = await get(url);
        if (status !== 200 || body !== 'well') failures.push([status, body]);
      } catch (error) {
        failures.push(error);
      }
      served++;
    }
    return { served, failures };
  };
  const others = Promise.all(Array.from({ length: OTHERS }, serve));
  const statuses = (await Promise.all(Array.from({ length: AT_ONCE }, hang))).flat();
  await host.until(() => host.of('worker:exit').length >= HANGS, `${HANGS} exits`);
  hanging = false;
  const outcomes = await others;

  assert.deepEqual(
    outcomes.flatMap(({ failures }) => failures),
    [],
  );
  assert.ok(outcomes.every(({ served }) => served > 0));
  assert.deepEqual(statuses, Array(HANGS).fill(504));
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
