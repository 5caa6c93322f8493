import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const CLOSING = 'HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n';

test('async_stops_accepting_at_capacity', async (t) => {
  const [capacity, queued] = [4, 6];
  const gate = await Gate.open(t);
  const options = { workers: 1, workerClass: 'async', workerConnections: capacity };
  const host = new Host(t, { ...options, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const clients: RawClient[] = [];
  const send = async (): Promise<void> => {
    const client = await RawClient.connect(t, url);
    clients.push(client.send(`GET /${clients.length} ${CLOSING}`));
  };
  for (let count = 0; count < capacity; count++) {
    await send();
    await gate.next();
  }
  for (let count = 0; count < queued; count++) await send();
  const connections = async (): Promise<number | undefined> => (await host.stats()).workers[0]?.connections;

  // Each request that ends lets the next waiting request in, in their order.
  for (let ended = 0; ended < queued; ended++) {
    const oldest = gate.arrivals[ended];
    await oldest?.settle();
    assert.equal(gate.arrivals.length, capacity + ended);
    // The worker stores its number of connections a moment later.
    await eventually(async () => (await connections()) === capacity, `${capacity} connections`);
    oldest?.release();
    assert.equal((await gate.next()).url, `/${capacity + ended}`);
  }
  for (const arrival of gate.arrivals.slice(queued)) arrival.release();
  for (const [index, client] of clients.entries()) {
    assert.match(await client.all(), new RegExp(`^HTTP/1\\.1 200 OK\\r\\n.*\\r\\n\\r\\n\\d+ /${index}$`, 's'));
  }
  assert.equal(gate.most, capacity);
  await eventually(async () => (await connections()) === 0, 'no connection');
  const { requests, errors } = (await host.stats()).totals;
  assert.deepEqual([requests, errors], [capacity + queued, 0]);
});

test('async_stops_accepting_at_capacity: a sibling with room takes what is next', async (t) => {
  const gate = await Gate.open(t);
  const options = { workers: 2, workerClass: 'async', workerConnections: 2 };
  const host = new Host(t, { ...options, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const held = [];
  for (let count = 0; count < 4; count++) held.push(await gate.hold(`${url}/${count}`));
  const of = (pid: number): number => gate.arrivals.filter((arrival) => arrival.held && arrival.pid === pid).length;
  const pids = [...new Set(gate.arrivals.map(({ pid }) => pid))];
  assert.deepEqual(pids.map(of), [2, 2]);

  const queued = Array.from({ length: 3 }, (_, index) => get(`${url}/queued/${index}`));
  for (const { arrival } of held) await arrival.settle();
  assert.equal(gate.arrivals.length, 4, 'a full worker took a request');
  // Only one of the two workers ever has room.
  const [chosen] = pids;
  for (let count = 0; count < 3; count++) {
    gate.arrivals.find((arrival) => arrival.held && arrival.pid === chosen)?.release();
    assert.equal((await gate.next()).pid, chosen);
    assert.deepEqual(pids.map(of), [2, 2]);
  }
  for (const arrival of gate.arrivals) if (arrival.held) arrival.release();
  const answers = await Promise.all([...held.map(({ answer }) => answer), ...queued]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(7).fill(200),
  );
  assert.equal(gate.most, 2);
});

test('async_stops_accepting_at_capacity: connections that wait for a request count', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: 'async', workerConnections: 2, keepAlive: 60_000 });
  const url = await host.ready();
  // One connection that has sent nothing yet, and one keep-alive connection.
  const silent = await RawClient.connect(t, url);
  const kept = (await RawClient.connect(t, url)).get('/');
  await kept.until((received) => received.endsWith('hello'), 'an answer');
  const next = (await RawClient.connect(t, url)).get('/');
  // By the time of each answer on the keep-alive connection, the worker could have accepted the next connection.
  for (let count = 2; count <= 4; count++) {
    kept.get('/');
    await kept.until((received) => received.split('hello').length === count + 1, `answer ${count}`);
    // On a slow machine the silent connection may have been idle long enough to be closed to make room. The next
    // request must not be served before that.
    if (next.received !== '') await silent.all();
  }
  await eventually(async () => (await host.stats()).workers[0]?.connections === 2, '2 connections');
  silent.leave();
  await next.until((received) => received.endsWith('hello'), 'an answer');
});

test('async: a connection beyond capacity is served when keepAlive has ended an idle one', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: 'async', workerConnections: 1, keepAlive: 200 });
  const url = await host.ready();
  const kept = (await RawClient.connect(t, url)).get('/');
  await kept.until((received) => received.endsWith('hello'), 'an answer');
  assert.equal((await get(url)).body, 'hello');
  assert.equal((await kept.all()).match(/HTTP\/1\.1 /g)?.length, 1);
});

test('async: many requests at once in one worker', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, workerClass: 'async', app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const answers = Array.from({ length: 50 }, (_, index) => get(`${url}/${index}`));
  for (let count = 0; count < 50; count++) await gate.next();
  assert.equal(gate.most, 50);
  await eventually(async () => (await host.stats()).workers[0]?.active === 50, '50 requests in flight');
  for (const arrival of gate.arrivals) arrival.release();
  assert.deepEqual(
    (await Promise.all(answers)).map(({ body }) => body.split(' ')[1]),
    Array.from({ length: 50 }, (_, index) => `/${index}`),
  );
});
