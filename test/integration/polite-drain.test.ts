import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { CLASSES, KEEPING, single } from '../helpers/classes.js';
import { untilRefused } from '../helpers/connector.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { pace } from '../helpers/pace.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const STOPPED = { code: 0, signal: null, reason: 'stop' };
const OPEN = { workerConnections: 100, gracefulTimeout: 2 ** 31 - 1 };
/** A drain waits for a client that has had no request, here not for the usual five seconds. */
const SOON = { env: pace({ firstRequest: 1_500 }) };
/** Node keeps a connection for a second longer than it says, from version 24.6 on. */
const LONGER = 1_000;
const closings = (received: string): (string | undefined)[] =>
  answersIn(received).map(({ headers }) => headers.find((line) => line.startsWith('connection: ')));

/** Waits until the workers have been told to drain. */
function drains(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return untilRefused({ host: hostname, port: Number(port) });
}

for (const workerClass of KEEPING) {
  const options: HostOptions = { ...single(workerClass), ...OPEN };

  test(`keepalive_drain_polite: an idle connection has a last request, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 10_000 });
    const url = await host.ready();
    const clients = [await ByteClient.connect(url), await ByteClient.connect(url)];
    for (const client of clients) await client.get('/').until('hello');
    const stopped = host.call('stop');
    await drains(url);
    for (const client of clients) client.get('/');
    for (const client of clients) {
      assert.deepEqual(closings(await client.all()), ['connection: keep-alive', 'connection: close']);
      assert.equal(client.end, 'closed');
    }
    await stopped;
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  });

  test(`keepalive_drain_polite: an idle connection is kept for all of its time, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 1_000 });
    const client = await ByteClient.connect(await host.ready());
    const asked = performance.now();
    await client.get('/').until('hello');
    const stopped = host.call('stop');
    await client.all();
    // Timers may be early by 1 ms.
    assert.ok(performance.now() - asked >= 999, 'it was closed too early');
    assert.equal(client.end, 'closed');
    await stopped;
  });

  test(`keepalive_drain_polite: a request that came in time is served by a loop that was busy, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 300, app: fixture('blocks.js') });
    const url = await host.ready();
    const kept = await ByteClient.connect(url);
    await kept.get('/').until('done');
    const blocking = get(`${url}/${1_000 + LONGER}`);
    await host.event('worker:message');
    kept.get('/');
    assert.equal((await blocking).status, 200);
    const statuses = answersIn(await kept.all()).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200]);
    assert.equal(kept.end, 'closed');
  });

  test(`keepalive_drain_polite: a request behind the end is not begun, nor is it reset, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 300 });
    const { hostname, port } = new URL(await host.ready());
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const errors: Error[] = [];
    socket.on('error', (error) => errors.push(error));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    socket.resume();
    await inTime(once(socket, 'end'), 'the end of the idle connection');
    // A connection that is closed on both sides would answer the first write with a reset, and the second one would
    // fail.
    for (let count = 0; count < 2; count++) {
      socket.write('GET /late HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal((await host.stats()).workers[0]?.connections, 1);
    }
    socket.end();
    await inTime(once(socket, 'close'), 'its close');
    assert.deepEqual(errors, []);
    await eventually(async () => (await host.stats()).workers[0]?.connections === 0, 'no connection');
    await host.finished(1);
  });

  test(`keepalive_drain_polite: a client that never ends its side does not hold the drain up, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 200 });
    const client = await RawClient.connect(t, await host.ready(), { allowHalfOpen: true });
    client.get('/');
    await client.until((received) => received.endsWith('hello'), 'an answer');
    await host.call('stop');
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  });

  test(`keepalive_drain_polite: all pipelined requests are answered, and the last one says so, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    // The second worker sees that nobody waits, so the first one, which has no room, accepts no more either.
    const host = new Host(t, { ...options, workers: 2, app: fixture('gated.js'), env: gate.env });
    const url = await host.ready();
    const client = (await ByteClient.connect(url)).get('/1').get('/2').get('/3');
    const first = await gate.next();
    await first.settle();
    const stopped = host.call('stop');
    await drains(url);
    // An async worker has begun all of the requests.
    first.release();
    for (let more = 0; more < 2; more++) (await gate.next()).release();
    assert.deepEqual(closings(await client.all()), [
      'connection: keep-alive',
      'connection: keep-alive',
      'connection: close',
    ]);
    await stopped;
  });

  test(`keepalive_drain_polite: with TLS, ${workerClass}`, { skip: noCertificates }, async (t) => {
    const { cert, key } = certificate();
    const host = new Host(t, { ...options, keepAlive: 1_000, tls: { cert, key } }, SOON);
    const url = await host.ready();
    const [last, idle] = [await RawClient.secure(t, url, cert), await RawClient.secure(t, url, cert)];
    const silent = [await RawClient.secure(t, url, cert), await RawClient.connect(t, url)];
    for (const client of [last, idle]) {
      client.get('/');
      await client.until((received) => received.endsWith('hello'), 'an answer');
    }
    const stopped = host.call('stop');
    await drains(url);
    last.get('/');
    assert.match(await last.all(), /^HTTP\/1\.1 200 OK\r\n.*Connection: keep-alive.*Connection: close.*hello$/s);
    assert.match(await idle.all(), /^HTTP\/1\.1 200 OK\r\n.*hello$/s);
    for (const client of silent) assert.equal(await client.all(), '');
    await stopped;
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  });
}

for (const workerClass of CLASSES) {
  test(`keepalive_drain_polite: a connection without a request ends without a reset, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), ...OPEN, keepAlive: 300 }, SOON);
    const url = await host.ready();
    const silent = [await ByteClient.connect(url), (await ByteClient.connect(url)).send('GET / HTTP/1.1\r\n')];
    // The silent clients have been accepted before this one.
    assert.equal((await get(url)).status, 200);
    await host.call('stop');
    for (const client of silent) assert.deepEqual([await client.all(), client.end], ['', 'closed']);
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  });
}
