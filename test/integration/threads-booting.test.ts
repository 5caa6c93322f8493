import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

test('stop while the first thread of a worker serves and the second one boots: the request is answered', async (t) => {
  const [gate, loads] = [await Gate.open(t), await createLoadGate(t)];
  const options = { workers: 1, threads: 2, workerClass: 'threaded', app: fixture('gated-after-load.js') } as const;
  const host = new Host(t, options, { env: { ...gate.env, LOAD_GATE: loads.env.GATE, HOST_STAYS: '1' } });
  await eventually(() => loads.waiting === 2, 'two threads that boot');
  loads.admit();
  const url = await host.url();
  let client: RawClient | undefined;
  await eventually(async () => {
    // Connections are refused until the thread listens; no event tells of that.
    client = await RawClient.connect(t, url).catch(() => undefined);
    return client !== undefined;
  }, 'a thread that listens');
  client?.get('/held');
  const held = await gate.next();
  const [worker] = await host.workers();
  assert.equal(worker?.state, 'booting');

  const stopped = host.call('stop');
  await host.event('stop');
  await held.settle();
  held.release();
  assert.match((await client?.all()) ?? '', /^HTTP\/1\.1 200 OK[\s\S]* \/held$/);
  // The other thread was told to end before it could hear it.
  loads.open();
  await stopped;
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
  assert.equal((await host.stats()).totals.requests, 1);
});
