/* A connection without a request has no right to its place, and holds up no drain. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { BuiltInClass } from 'prefork';
import { ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { assertUnharmed, atRest, CLASSES, KEEPING, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { pace } from '../helpers/pace.js';
import { passing } from '../helpers/passing.js';
import { StubbornClient } from '../helpers/stubborn-client.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const STOPPED = { code: 0, signal: null, reason: 'stop' };
const LIMIT = 20;
/** A drain waits for clients that have never sent a request, but here not for five seconds. */
const SOON = { env: pace({ firstRequest: 800 }) };
const CROWDED = { workerConnections: LIMIT, keepAlive: 75_000, gracefulTimeout: 2 ** 31 - 1 };

function crowded(t: TestContext, workerClass: BuiltInClass, options: HostOptions = {}): Host {
  return new Host(t, { ...single(workerClass), ...CROWDED, ...options }, SOON);
}

async function silent(url: string, count = LIMIT): Promise<ByteClient[]> {
  const clients: ByteClient[] = [];
  while (clients.length < count) clients.push(await ByteClient.connect(url));
  return clients;
}

async function kept(url: string, count = LIMIT): Promise<ByteClient[]> {
  const clients: ByteClient[] = [];
  while (clients.length < count) clients.push(await (await ByteClient.connect(url)).get('/').until('hello'));
  return clients;
}

for (const workerClass of CLASSES) {
  test(`idle_connections_give_room: a crowd of silent clients and some that ask again and again, ${workerClass}`, async (t) => {
    const host = crowded(t, workerClass, { workerConnections: 40 });
    const url = await host.ready();
    let done = false;
    let tell = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      tell = resolve;
    });
    // Each client whose connection is closed comes again.
    const crowd = Array.from({ length: 80 }, async () => {
      do {
        const client = await ByteClient.connect(url);
        t.after(() => client.reset());
        await Promise.race([client.all().catch(() => undefined), over]);
        if (done) client.reset();
        // Where places are for requests, the clients that came last bound the number of open connections.
      } while (!done && workerClass === 'async');
    });
    const rounds = workerClass === 'sync' ? 20 : 60;
    const loop = async (): Promise<number> => {
      let answers = 0;
      let client = await ByteClient.connect(url);
      while (answers < rounds) {
        client.received = '';
        // Throws if the connection is closed instead.
        await client.get('/').until('hello');
        answers++;
        if (!/connection: close/i.test(client.received)) continue;
        client.finish();
        client = await ByteClient.connect(url);
      }
      client.finish();
      return answers;
    };
    const answers = await Promise.all(Array.from({ length: 10 }, loop));
    done = true;
    tell();
    await Promise.all(crowd);
    assert.deepEqual(answers, Array(10).fill(rounds));
    assert.equal((await host.stats()).totals.errors, 0);
  });

  test(`idle_connections_hold_no_drain_up: silent ones, ${workerClass}`, async (t) => {
    const host = crowded(t, workerClass);
    const clients = await silent(await host.ready(), 5);
    await host.call('stop');
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
    for (const client of clients) {
      await client.all();
      assert.equal(client.end, 'closed');
    }
  });
}

for (const workerClass of KEEPING) {
  for (const secure of [false, true]) {
    const how = secure ? ', with TLS' : '';
    test(`idle_connections_hold_no_drain_up: kept ones${how}, ${workerClass}`, {
      skip: secure && noCertificates,
    }, async (t) => {
      const host = crowded(t, workerClass, secure ? { tls: { ...certificate() } } : {});
      const url = await host.ready();
      const clients = [];
      for (let count = 0; count < 5; count++) {
        const client = secure ? await RawClient.secure(t, url, certificate().cert) : await RawClient.connect(t, url);
        clients.push(client.get('/'));
        await client.until((received) => received.endsWith('hello'), 'an answer');
      }
      await host.call('reload');
      for (const client of clients) assert.match(await client.all(), /^HTTP\/1\.1 200 OK\r\n.*hello$/s);
      const [, exit] = await host.event('worker:exit');
      assert.deepEqual(exit, { ...STOPPED, reason: 'reload' });
    });
  }

  test(`idle_connections_hold_no_drain_up: nor has a short gracefulTimeout a worker killed, ${workerClass}`, async (t) => {
    const host = crowded(t, workerClass, { gracefulTimeout: 2_000 });
    const url = await host.ready();
    const clients: StubbornClient[] = [];
    for (let count = 0; count < 6; count++) clients.push((await StubbornClient.connect(url)).read());
    for (const client of clients.slice(3)) {
      await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until((received) => received.endsWith('hello'));
    }
    const stopped = host.call('stop');
    await Promise.all(
      clients.map(async (client) => {
        await client.until(() => false);
        // The server reads what crosses the end of its side, so there is no reset. There is one when the time of the
        // drain is over.
        for (let count = 0; count < 3; count++) await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await client.finish().over();
        assert.equal(client.error, undefined, String(client));
      }),
    );
    await stopped;
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  });
}

for (const [kind, open] of Object.entries({ silent, kept })) {
  test(`idle_connections_give_room: ${kind} ones, the longest idle first`, async (t) => {
    const host = crowded(t, 'async');
    const url = await host.ready();
    const idle = await open(url);
    for (let count = 0; count < 5; count++) assert.equal((await get(url)).body, 'hello');
    // At least one connection had to go. None of those that are left is older than one that went.
    const left = (): number => idle.filter(({ end }) => end === 'open').length;
    await eventually(() => left() < LIMIT, 'the end of the first');
    const firstOpen = idle.findIndex(({ end }) => end === 'open');
    assert.ok(firstOpen > 0);
    assert.deepEqual(new Set(idle.slice(0, firstOpen).map(({ end }) => end)), new Set(['closed']));
    assert.deepEqual(new Set(idle.slice(firstOpen).map(({ end }) => end)), new Set(['open']));
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
  });
}

test('idle_connections_give_room: a warning says so', async (t) => {
  const host = crowded(t, 'async');
  const url = await host.ready();
  await silent(url);
  for (let count = 0; count < 3; count++) await get(url);
  const [, warning] = await host.event('worker:warning');
  assert.equal(warning.code, 'connections');
  assert.match(warning.message, /^all 20 connections .* 20 of them idle/);
  assert.equal(host.of('worker:warning').length, 1);
});

test('idle_connections_give_room: not those that have a request, nor those that an application has taken over', async (t) => {
  const gate = await Gate.open(t);
  const host = crowded(t, 'async', { workerConnections: 4, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const held = [];
  for (let count = 0; count < 4; count++) held.push(await gate.hold(`${url}/${count}`));
  const late = gate.hold(`${url}/late`);
  // Longer than an idle connection is left alone.
  await passing(host, 1_500);
  await held[0]?.arrival.settle();
  assert.equal(gate.arrivals.length, 4);
  for (const { arrival } of held) arrival.release();
  (await late).arrival.release();
  for (const { answer } of [...held, await late]) assert.equal((await answer).status, 200);
});

test('idle_connections_give_room: tunnels and WebSockets are busy', async (t) => {
  const host = new Host(t, {
    ...CROWDED,
    workers: 1,
    workerConnections: 3,
    workerClass: `${fixture('websockets.js')}#NoServer`,
  });
  const url = await host.ready();
  const taken = [];
  for (let count = 0; count < 2; count++) {
    const client = await ByteClient.connect(url);
    client.send(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    taken.push(await client.until('101 '));
  }
  const [idle] = await silent(url, 1);
  const late = await ByteClient.connect(url);
  late.get('/');
  assert.equal(await idle?.all(), '');
  await late.until('HTTP/1.1 ');
  assert.deepEqual(
    taken.map(({ end }) => end),
    ['open', 'open'],
  );
});

test('idle_connections_give_room: handshakes that never end', { skip: noCertificates }, async (t) => {
  for (const workerClass of CLASSES) {
    const { cert, key } = certificate();
    const host = crowded(t, workerClass, { tls: { cert, key } });
    const url = await host.ready();
    await silent(url.replace('https', 'http'));
    for (let count = 0; count < 3; count++) assert.equal((await get(url, cert)).body, 'hello');
    await host.call('stop');
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  }
});

test('idle_connections_give_room: HTTP/2 sessions without a stream', { skip: noCertificates }, async (t) => {
  const { cert, key } = certificate();
  const host = crowded(t, 'async', { tls: { cert, key }, http2: true });
  const url = await host.ready();
  const errors: unknown[] = [];
  const open = async (): Promise<http2.ClientHttp2Session> => {
    const session = http2.connect(url, { ca: cert });
    session.on('error', (error) => errors.push(error));
    t.after(() => session.destroy());
    const stream = session.request({ ':path': '/' });
    stream.resume();
    await inTime(once(stream, 'close'), 'an answer');
    assert.equal(stream.rstCode, 0);
    return session;
  };
  const sessions: http2.ClientHttp2Session[] = [];
  for (let count = 0; count < LIMIT + 5; count++) sessions.push(await open());
  await eventually(() => sessions[0]?.closed === true, 'the end of the first');
  assert.deepEqual(errors, []);
  assert.equal(sessions.at(-1)?.closed, false);
  await host.call('stop');
  assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  assert.deepEqual(errors, []);
});

test('idle_connections_hold_no_drain_up: an HTTP/2 client that never ends its side', {
  skip: noCertificates,
}, async (t) => {
  const { cert, key } = certificate();
  const host = crowded(t, 'async', { tls: { cert, key }, http2: true });
  const url = await host.ready();
  let isCut = false;
  // A relay that does not pass on the end of the client's side.
  const relay = (await import('node:net')).createServer({ allowHalfOpen: true }, (client) => {
    const { port } = new URL(url);
    const server = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    // The end of TLS is data too, so it is cut off as well.
    client.on('data', (data) => isCut || server.write(data)).on('error', () => undefined);
    server.on('data', (data) => client.write(data)).on('error', () => undefined);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.after(() => relay.close());
  const session = http2.connect(`https://127.0.0.1:${(relay.address() as { port: number }).port}`, { ca: cert });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  stream.resume();
  await inTime(once(stream, 'close'), 'an answer');
  isCut = true;
  await host.call('stop');
  assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
});

/**
 * A connection was accepted before there is room for it. Until there is room, the worker does not hear that its client
 * leaves.
 */
const LEAVING: Readonly<Record<string, (client: ByteClient) => unknown>> = {
  'its end': async (client) => {
    assert.equal(await client.finish().all(), '');
    assert.equal(client.end, 'closed');
  },
  'a reset': (client) => client.reset(),
};

for (const [way, leave] of Object.entries(LEAVING)) {
  test(`idle_connections_give_room: also to one that has left by then, by ${way}`, async (t) => {
    const host = crowded(t, 'async', { workerConnections: 1 });
    const url = await host.ready();
    const [idle] = await kept(url, 1);
    await leave(await ByteClient.connect(url));
    await idle?.all();
    assert.equal(idle?.end, 'closed');
    await atRest(host);
    assert.equal((await get(url)).body, 'hello');
    await assertUnharmed(host);
  });
}
