import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { CLASSES, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { counting, sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/*
 * Where a class counts requests, a connection that has sent none takes no place: it is parked. An async worker counts
 * connections; what it shares with the other classes is tested here too.
 */

const EXCLUSIVE = ['sync', 'threaded'] as const;
const OPEN = { workerConnections: 1000 };
const UNHURRIED = { ...OPEN, gracefulTimeout: 2 ** 31 - 1 };

async function connect(t: TestContext, url: string, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) clients.push(await RawClient.connect(t, url));
  return clients;
}

/** So many that they would fill any worker, if they took places. */
const SILENT_ONES = 100;
const SILENT: Readonly<Record<string, HostOptions>> = {
  'one sync worker': { ...single('sync'), ...UNHURRIED },
  'two sync workers': { workers: 2, workerClass: 'sync' },
  'a threaded worker': { workers: 1, workerClass: 'threaded', threads: 2 },
  'an async worker': { ...single('async'), ...UNHURRIED },
};

for (const [what, options] of Object.entries(SILENT)) {
  test(`silent_connection_takes_no_slot: ${what}`, async (t) => {
    const host = await counting(t, options);
    const url = await host.ready();
    const silent = await connect(t, url, SILENT_ONES);
    assert.equal((await get(url)).body, 'hello');
    assert.deepEqual(
      silent.filter(({ closed }) => closed),
      [],
      'a silent one was closed before the request was answered',
    );
    // All of them can still be served, though their requests come in parts.
    for (const client of silent) client.send('GET / HTTP/1.1\r\nHost:');
    for (const client of silent) client.send(' test\r\nConnection: close\r\n\r\n');
    for (const client of silent) assert.match(await client.all(), /^HTTP\/1\.1 200 OK\r\n.*hello$/s);
    await host.finished(SILENT_ONES + 1);
    assert.equal((await host.stats()).totals.errors, 0);
  });
}

test('silent_connection_takes_no_slot: connections that are kept', async (t) => {
  const host = new Host(t, { ...single('threaded'), keepAlive: 60_000 });
  const url = await host.ready();
  // A thread keeps the connections of its first requests, however slow this machine is.
  const kept = await connect(t, url, 8);
  for (const client of kept) {
    client.get('/');
    await client.until((received) => received.endsWith('hello'), 'an answer');
  }
  assert.equal((await get(url)).body, 'hello');
  assert.deepEqual(
    kept.filter(({ closed }) => closed),
    [],
  );
  await eventually(async () => (await host.stats()).workers[0]?.connections === 8, '8 connections');
});

for (const workerClass of CLASSES) {
  test(`slow_headers_time_out: ${workerClass}`, async (t) => {
    const limits = { headersTimeout: 300, server: { connectionsCheckingInterval: 50 } };
    const host = new Host(t, { ...single(workerClass), ...OPEN, ...limits });
    const url = await host.ready();
    const [half, drip] = await Promise.all([RawClient.connect(t, url), RawClient.connect(t, url)]);
    half.send('GET / HTTP/1.1\r\nHost: test\r\n');
    drip.send('GET / HTTP/1.1\r\nX-Long: ');
    // A head that comes byte by byte has no more time than another one.
    await eventually(() => drip.closed || !drip.send('x'), 'the end of a slow head');
    assert.match(await half.all(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
    // A drop that meets the closed connection resets it, and the answer may be lost.
    assert.match(await drip.all(), /^(?:HTTP\/1\.1 408 Request Timeout\r\n.*)?$/s);
    assert.equal((await get(url)).body, 'hello');
    await host.finished(1);
  });
}

for (const workerClass of EXCLUSIVE) {
  test(`slow_headers_time_out: also while the worker is busy, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const limits = { headersTimeout: 300, server: { connectionsCheckingInterval: 50 } };
    const host = new Host(t, { ...single(workerClass), ...limits, app: fixture('gated.js'), env: gate.env });
    const url = await host.ready();
    const slow = (await RawClient.connect(t, url)).send('GET / HTTP/1.1\r\n');
    const { arrival, answer } = await gate.hold(`${url}/held`);
    assert.match(await slow.all(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
    assert.ok(arrival.held);
    arrival.release();
    assert.equal((await answer).status, 200);
  });

  test(`parked: requests that come while the worker is busy are next, in order, ${workerClass}`, async (t) => {
    const gate = await Gate.shared(t);
    const host = await sharing(t, { ...single(workerClass), app: fixture('gated.js'), env: gate.env });
    const url = await host.ready();
    const [first, second] = (await connect(t, url, 2)) as [RawClient, RawClient];
    for (const client of [first, second]) client.send('GET /parked ');
    // This request is accepted after the two connections.
    const held = await gate.hold(`${url}/held`);
    const queued = get(`${url}/queued`);
    for (const client of [second, first]) {
      client.send(`HTTP/1.1\r\nHost: ${client === first}\r\nConnection: close\r\n\r\n`);
      await held.arrival.settle();
    }
    assert.equal(gate.arrivals.length, 1);
    held.arrival.release();
    // Parked requests are served in the order in which they became complete. The queued one, which a sibling could
    // take, has its turn among them.
    const parked = [second, first];
    for (let count = 2; count <= 4; count++) {
      const arrival = await gate.next();
      await arrival.settle();
      assert.equal(gate.arrivals.length, count);
      arrival.release();
      if (arrival.url === '/queued') continue;
      assert.match((await parked.shift()?.all()) ?? '', /^HTTP\/1\.1 200 OK\r\n.* \/parked$/s);
    }
    assert.equal((await held.answer).status, 200);
    assert.equal((await queued).body, `${held.arrival.pid} /queued`);
    assert.deepEqual([gate.most, parked], [1, []]);
  });

  test(`parked: a client that leaves before its turn is forgotten, ${workerClass}`, async (t) => {
    const gate = await Gate.shared(t);
    const host = await sharing(t, { ...single(workerClass), app: fixture('gated.js'), env: gate.env });
    const url = await host.ready();
    const [leaver] = (await connect(t, url, 1)) as [RawClient];
    leaver.send('GET /left HTTP/1.1\r\n');
    const held = await gate.hold(`${url}/held`);
    leaver.send('Host: test\r\n\r\n');
    await held.arrival.settle();
    leaver.leave();
    await held.arrival.settle();
    held.arrival.release();
    const next = await gate.hold(`${url}/next`);
    assert.equal(next.arrival.url, '/next');
    next.arrival.release();
    await next.answer;
    assert.equal(gate.arrivals.length, 2);
  });

  test(`parked: workerConnections bounds them, the longest silent goes first, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const options = { ...single(workerClass), workerConnections: 5, app: fixture('gated.js'), env: gate.env };
    const host = new Host(t, options);
    const url = await host.ready();
    const early = await connect(t, url, 5);
    // This client waits for its answer, so it is not silent.
    const held = await gate.hold(`${url}/held`);
    held.arrival.release();
    await held.answer;
    const late = await connect(t, url, 3);
    for (const client of early.slice(0, 3)) assert.equal(await client.all(), '');
    // This request is accepted after all of them.
    const last = await gate.hold(`${url}/last`);
    await last.arrival.settle();
    last.arrival.release();
    assert.equal((await last.answer).status, 200);
    const open = [...early, ...late].filter(({ closed }) => !closed);
    assert.ok(open.length === 5 || open.length === 4, `${open.length} of the silent ones are open`);
    assert.deepEqual(open, [...early, ...late].slice(-open.length));
  });
}

test('parked: workerConnections bounds connections that are kept', async (t) => {
  const host = new Host(t, { ...single('threaded'), workerConnections: 3, keepAlive: 60_000 });
  const url = await host.ready();
  const clients: RawClient[] = [];
  for (let count = 0; count < 6; count++) {
    const client = (await RawClient.connect(t, url)).get('/');
    clients.push(client);
    await client.until((received) => received.endsWith('hello'), 'an answer');
  }
  for (const client of clients.slice(0, 3)) assert.match(await client.all(), /hello$/);
  for (const client of clients.slice(3)) {
    client.get('/');
    await client.until((received) => received.split('hello').length === 3, 'a second answer');
  }
  await eventually(async () => (await host.stats()).workers[0]?.connections === 3, '3 connections');
});

for (const workerClass of CLASSES) {
  const options = { ...single(workerClass), ...UNHURRIED };

  test(`parked: silent connections hold no stop up beyond keepAlive, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 200 });
    const url = await host.ready();
    const [silent, half] = (await connect(t, url, 2)) as [RawClient, RawClient];
    half.send('GET / HTTP/1.1\r\n');
    assert.equal((await get(url)).status, 200);
    await host.call('stop');
    assert.deepEqual([await silent.all(), await half.all()], ['', '']);
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
  });

  test(`parked: a request whose first bytes came before the drain is answered, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...options, keepAlive: 60_000, app: fixture('gated.js'), env: gate.env });
    const url = await host.ready();
    const half = (await RawClient.connect(t, url)).send('GET /half HTTP/1.1\r\n');
    const held = await gate.hold(`${url}/held`);
    const stopped = host.call('stop');
    await host.event('stop');
    await held.arrival.settle();
    half.send('Host: test\r\n\r\n');
    await held.arrival.settle();
    held.arrival.release();
    const late = await gate.next();
    assert.equal(late.url, '/half');
    late.release();
    await half.until((received) => received.endsWith(' /half'), 'its answer');
    // The order to stop may reach a thread after that answer. Then the connection is kept, and a later answer closes
    // it.
    for (let more = 1; !/^Connection: close\r$/m.test(half.received); more++) {
      half.get(`/more/${more}`);
      (await gate.next()).release();
      await half.until((received) => received.endsWith(` /more/${more}`), `answer ${1 + more}`);
    }
    assert.match(await half.all(), /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal((await held.answer).status, 200);
    await stopped;
  });

  test(`bytes that are no request are answered 400, ${workerClass}`, async (t) => {
    const host = await counting(t, options);
    const url = await host.ready();
    for (const bytes of [
      '\0\x01\x02\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/1.1\r\nA\0: b\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
    ]) {
      const client = (await RawClient.connect(t, url)).send(bytes);
      assert.match(await client.all(), /^HTTP\/1\.1 400 Bad Request\r\n/, JSON.stringify(bytes));
    }
    assert.equal((await get(url)).body, 'hello');
    await host.finished(1);
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
  });
}
