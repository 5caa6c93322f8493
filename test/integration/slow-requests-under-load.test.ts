import assert from 'node:assert/strict';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { fixture, Host } from '../helpers/host.js';
import { slowLoad } from '../helpers/slow-load.js';

/** Milliseconds. Far below what a slow request takes, so that the watcher is in time on a busy machine too. */
const SLOW_AFTER = 10;
const SLOW = amount({ suite: 12, long: 1_000 });
/** Pause of the other clients: they are to be there, and not to take all CPU. */
const PAUSE = amount({ suite: 10, long: 0 });
/** Some 200 ms of a CPU. The first stack of a worker takes longest, and there are few requests. */
const STEPS = '60000000';

for (const [name, options] of Object.entries({
  'on 4 sync workers': { workers: 4 },
  'on 2 workers with 4 threads each': { workers: 2, workerClass: 'threaded', threads: 4 },
})) {
  test(`slow_requests_under_load: none fails, none is answered twice or changed, ${name}`, async (t) => {
    const host = new Host(t, { app: fixture('slow-load.js'), slowAfter: SLOW_AFTER, ...options }, { env: { STEPS } });
    const url = await host.ready();
    const { sent, wrong } = await slowLoad(url, { slow: SLOW, slowClients: 3, otherClients: 3, pause: PAUSE });
    assert.deepEqual(wrong, []);
    await host.finished(sent);
    const reports = host.of('worker:slow').map(({ args }) => args[1]);
    const slow = reports.filter(({ request }) => request.url.startsWith('/slow/'));
    assert.ok(slow.length > 0);
    assert.equal(new Set(slow.map(({ request }) => request.url)).size, slow.length, 'each is told of once');
    // Without a CPU for a while, the first stack of each thread may come too late: a request is told of without one.
    const traced = slow.filter(({ stack }) => stack !== undefined);
    assert.ok(traced.length >= slow.length / 2, `${traced.length} of ${slow.length} have a stack`);
    // On a busy machine, a request may be met behind the guilty function, while its body is read.
    const guilty = traced.filter(({ stack }) => /guiltyFunction/.test(stack));
    assert.ok(guilty.length >= 0.8 * traced.length, `${guilty.length} of ${traced.length} name it`);
  });
}
