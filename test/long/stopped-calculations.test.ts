/*
 * A stop that hits a calculation. Of sync workers one in four runs still ends with a 504, for a reason that is not known yet: so it is not part
 * of the suite.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { assertNobodyTimedOut } from '../helpers/passing.js';
import { LIMIT, stopAll } from '../helpers/stops.js';
import { eventually } from '../helpers/wait.js';

for (const { name, options } of classes(1)) {
  test(`a request whose calculation is stopped has its time, as those who watch have counted it: ${name}`, async (t) => {
    const host = new Host(t, { ...options, workers: 1, timeout: LIMIT, app: fixture('works-in-slices.js') });
    const url = await host.ready();
    const [worker] = await host.workers();
    for (let round = 0; round < 2; round++) {
      const answer = get(`${url}/?ms=${LIMIT / 2}`);
      await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a request in flight');
      await stopAll([host.pid, worker?.pid as number]);
      const { status, body } = await answer;
      assert.deepEqual([status, body], [200, `worked ${worker?.pid}`], host.log);
    }
    await assertNobodyTimedOut(host);
  });
}
