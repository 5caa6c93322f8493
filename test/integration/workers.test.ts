import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

test('respawn_after_kill9', async (t) => {
  const host = new Host(t, { workers: 2 });
  const url = await host.ready();
  const [victim, other] = await host.workers();
  process.kill(victim?.pid as number, 'SIGKILL');
  const [dead, exit] = await host.event('worker:exit');
  assert.deepEqual([dead.id, dead.pid, dead.age, dead.state], [victim?.id, victim?.pid, victim?.age, 'exited']);
  // The worker was idle, so no request is named.
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL', reason: 'crash' });
  const [replacement] = await host.event('worker:ready', ({ age }) => age === 3);
  assert.equal(replacement.id, victim?.id);
  assert.notEqual(replacement.pid, victim?.pid);
  assert.deepEqual(
    (await host.workers()).map(({ pid }) => pid),
    [other?.pid, replacement.pid],
  );
  assert.equal((await get(`${url}/pid`)).status, 200);
  const { crashes, respawns } = (await host.stats()).totals;
  assert.deepEqual([crashes, respawns, host.of('worker:spawn').length], [1, 1, 3]);
});

test('respawn_after_kill9: the request in flight is named', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const before = Date.now();
  const client = (await RawClient.connect(t, url)).get('/killed?in=flight');
  const { pid } = await gate.next();
  process.kill(pid, 'SIGKILL');
  const [worker, exit] = await host.event('worker:exit');
  assert.equal(worker.pid, pid);
  const { request, ...rest } = exit;
  assert.deepEqual(rest, { code: null, signal: 'SIGKILL', reason: 'crash' });
  const { startedAt, ...line } = request;
  assert.deepEqual(line, { method: 'GET', url: '/killed?in=flight' });
  assert.ok(before <= startedAt && startedAt <= Date.now(), `${startedAt} is not when the request came`);
  assert.equal(await client.all(), '');
});

test('respawn_after_kill9: no request is named when the last one was over', async (t) => {
  const host = new Host(t, { workers: 1 });
  const url = await host.ready();
  const pid = Number((await get(`${url}/pid`)).body);
  await eventually(async () => (await host.stats()).workers[0]?.active === 0, 'the end of the request');
  process.kill(pid, 'SIGKILL');
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL', reason: 'crash' });
});

test('stats', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 2, name: 'counted', app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  for (let count = 0; count < 3; count++) {
    const answer = get(`${url}/${count}`);
    (await gate.next()).release();
    await answer;
  }
  const held = (await RawClient.connect(t, url)).get('/held');
  const { pid } = await gate.next();
  await host.finished(3);
  // A connection may be seen for a moment after its answer.
  const connections = async (): Promise<number> =>
    (await host.stats()).workers.reduce((sum, worker) => sum + worker.connections, 0);
  await eventually(async () => (await connections()) === 1, '1 connection');

  const { requestTime, waitTime, saturation, ...stats } = await host.stats();
  // Their values are tested in metrics.test.ts.
  assert.deepEqual([requestTime.count, waitTime.count, typeof saturation], [3, 4, 'object']);
  const { uptime, totals, workers, degraded, failing, queues, ...rest } = stats;
  assert.deepEqual({ degraded, failing }, { degraded: false, failing: [] });
  assert.equal(queues.length, 1);
  assert.ok(uptime > 0);
  assert.deepEqual(rest, {
    name: 'counted',
    pid: host.pid,
    state: 'running',
    generation: 1,
    target: 2,
    held: false,
    spares: 0,
  });
  assert.deepEqual(totals, {
    requests: 3,
    errors: 0,
    abandoned: 0,
    timeouts: 0,
    crashes: 0,
    respawns: 0,
    reloads: 0,
    recycles: 0,
  });
  assert.deepEqual(
    workers.map(({ id, age, state }) => ({ id, age, state })),
    [
      { id: 1, age: 1, state: 'ready' },
      { id: 2, age: 2, state: 'ready' },
    ],
  );
  for (const worker of workers) {
    const busy = worker.pid === pid ? 1 : 0;
    assert.deepEqual([worker.active, worker.connections], [busy, busy]);
    assert.ok(worker.rss > 1e6 && worker.elu >= 0 && worker.elu <= 1, JSON.stringify(worker));
  }
  // What a dead worker had counted stays. The request that it was serving was never finished.
  process.kill(pid, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 3);
  assert.equal(await held.all(), '');
  assert.deepEqual((await host.stats()).totals, {
    requests: 3,
    errors: 0,
    abandoned: 0,
    timeouts: 0,
    crashes: 1,
    respawns: 1,
    reloads: 0,
    recycles: 0,
  });
});
