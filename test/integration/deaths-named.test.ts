import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/* When a process with threads dies, everything that was under way in it is named. */

const options = { workers: 1, workerClass: 'threaded', threads: 3, app: fixture('dies-half-booted.js') } as const;

test('kill -9 names the requests of all threads, the oldest first', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, options, { env: gate.env });
  const url = await host.ready();
  for (const path of ['/first', '/second']) {
    (await RawClient.connect(t, url)).get(path);
    await gate.next();
  }
  process.kill(host.workerPids[0] as number, 'SIGKILL');
  const [, { request, requests, thread }] = await host.event('worker:exit');
  assert.equal(request.url, '/first');
  assert.deepEqual(
    requests.map(({ url }: { url: string }) => url),
    ['/first', '/second'],
  );
  assert.equal(thread, undefined);
});

test('a request that kills its process at once is named, also the second one of a connection', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, options, { env: gate.env });
  const url = await host.ready();
  const client = await RawClient.connect(t, url);
  client.get('/before');
  const before = await gate.next();
  before.release();
  await client.until((text) => text.includes('/before'), 'the first answer');
  client.get('/kills');
  const [, { request, requests }] = await host.event('worker:exit');
  assert.equal(request.url, '/kills');
  assert.equal(requests, undefined);
});

test('the thread that runs out of memory is named, and its request, not the older ones', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { ...options, resourceLimits: { maxOldGenerationSizeMb: 32 } }, { env: gate.env });
  const url = await host.ready();
  (await RawClient.connect(t, url)).get('/innocent');
  const { thread: innocent } = await gate.next();
  (await RawClient.connect(t, url)).get('/fatal');
  const [, { request, requests, thread, signal }] = await host.event('worker:exit');
  assert.deepEqual([signal, request.url, requests.length], ['SIGABRT', '/fatal', 2]);
  assert.ok(thread >= 1 && thread <= 3 && thread !== innocent, `thread ${thread}`);
  await eventually(() => host.log.includes('ERR_WORKER_OUT_OF_MEMORY'), 'the error');
});
