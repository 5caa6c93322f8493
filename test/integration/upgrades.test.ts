import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { describe, type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { CLASSES, KEEPING, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, headLines, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { counting } from '../helpers/shared.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const UPGRADE = 'GET /socket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
const WEBSOCKET = `${UPGRADE}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`;

async function open(t: TestContext, url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`);
  t.after(() => socket.terminate());
  await inTime(once(socket, 'open'), 'an open WebSocket');
  return socket;
}

/** Sends a message and returns what comes back. */
async function echoed(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  socket.send(message);
  const [answer] = (await inTime(once(socket, 'message'), 'a message')) as [Buffer];
  return answer;
}

for (const name of ['NoServer', 'WithServer']) {
  const workerClass = `${fixture('websockets.js')}#${name}`;

  test(`websocket_upgrade_async: ${name}`, async (t) => {
    const host = await counting(t, { workers: 1, workerClass });
    const url = await host.ready();
    const sockets = [await open(t, url), await open(t, url)];
    const large = Buffer.alloc(1 << 20, 'large');
    for (const socket of sockets) {
      assert.equal((await echoed(socket, 'hello')).toString(), 'hello');
      assert.ok((await echoed(socket, large)).equals(large));
    }
    assert.equal((await get(url)).body, 'hello');
    // Two upgrades and a request.
    await host.finished(3);
    await eventually(async () => (await host.stats()).workers[0]?.connections === 2, '2 connections');
    for (const socket of sockets) {
      socket.close(1000, 'done');
      const [code] = (await inTime(once(socket, 'close'), 'the end of a WebSocket')) as [number];
      assert.equal(code, 1000);
    }
    await eventually(async () => (await host.stats()).workers[0]?.connections === 0, 'no connection');
  });

  test(`websocket_upgrade_async: bytes that come with the upgrade are not lost, ${name}`, async (t) => {
    const host = await counting(t, { workers: 1, workerClass });
    const client = await RawClient.connect(t, await host.ready());
    const masked = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
    client.send(Buffer.concat([Buffer.from(WEBSOCKET), masked]));
    await client.until((received) => received.endsWith('\u0002hi'), 'the echo');
    assert.match(client.received, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  });
}

test('an upgrade behind a request that has no answer yet is ignored, and answered in its turn', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: 'async', app: fixture('takes-connections.js') });
  const url = await host.ready();
  for (const requests of [1, 2]) {
    const client = await RawClient.connect(t, url);
    client.send('GET /late HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(requests) + WEBSOCKET);
    await client.until((received) => received.endsWith(' and no upgrade'), 'the last answer');
    const answer = 'HTTP/1\\.1 200 OK\r\n.*?\r\n\r\nlate /';
    assert.match(client.received, new RegExp(`^(?:${answer}late){${requests}}${answer}socket and no upgrade$`, 's'));
    // The connection is as good as before.
    client.send(WEBSOCKET);
    await client.until((received) => received.endsWith('[upgraded]'), 'the upgrade');
    client.send('through');
    await client.until((received) => received.endsWith('[through]'), 'what comes back');
  }
});

test('websocket_upgrade_async: a socket holds a connection of workerConnections', async (t) => {
  const host = new Host(t, { ...single('async'), workerClass: `${fixture('websockets.js')}#NoServer` });
  const url = await host.ready();
  const socket = await open(t, url);
  const answer = get(url);
  for (let count = 0; count < 3; count++) await echoed(socket, 'still here');
  await host.finished(1);
  socket.close();
  assert.equal((await answer).body, 'hello');
});

test('websocket_upgrade_async: a stop waits for sockets that are closed in time', async (t) => {
  const workerClass = `${fixture('websockets.js')}#WithServer`;
  const host = new Host(t, { workers: 1, workerClass, keepAlive: 1, gracefulTimeout: 2 ** 31 - 1 });
  const client = (await RawClient.connect(t, await host.ready())).send(WEBSOCKET);
  await client.until((received) => received.endsWith('\r\n\r\n'), 'an answer');
  const stopped = host.call('stop');
  await client.until((received) => received.endsWith('going away'), 'the close frame');
  // This client is in no hurry.
  const message = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
  for (let count = 1; count <= 3; count++) {
    client.send(message);
    await client.until((received) => received.split('\u0002hi').length === count + 1, 'an echo');
  }
  client.leave();
  await stopped;
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
});

for (const workerClass of CLASSES) {
  test(`an upgrade that nobody takes is an ordinary request, ${workerClass}`, async (t) => {
    const host = await counting(t, single(workerClass));
    const client = (await RawClient.connect(t, await host.ready())).send(WEBSOCKET);
    await client.until((received) => received.endsWith('hello'), 'an answer');
    assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/);
    // The connection is what it was before: a sync worker ends it after one request, the other classes keep it.
    client.get('/');
    const served = workerClass === 'sync' ? 1 : 2;
    await client.until(
      () => client.closed || client.received.split('hello').length === 3,
      'its end, or a second answer',
    );
    assert.equal(client.received.split('hello').length - 1, served);
    await host.finished(served);
  });

  test(`Expect: 100-continue, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app: fixture('bodies.js') });
    const client = await RawClient.connect(t, await host.ready());
    client.send(
      'POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    );
    await client.until((received) => received === 'HTTP/1.1 100 Continue\r\n\r\n', 'leave to go on');
    client.send('hello');
    assert.match(await client.all(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n.*"bytes":5,/s);
    await host.finished(1);
  });

  test(`an expectation that is not known is refused, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...single(workerClass), app: fixture('gated.js'), env: gate.env });
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    client.send('GET /expects HTTP/1.1\r\nHost: test\r\nConnection: close\r\nExpect: a-miracle\r\n\r\n');
    assert.match(await client.all(), /^HTTP\/1\.1 417 Expectation Failed\r\n/);
    const next = await gate.hold(`${url}/next`);
    assert.equal(next.arrival.url, '/next');
    next.arrival.release();
    assert.equal((await next.answer).status, 200);
    assert.equal(gate.arrivals.length, 1);
  });

  test(`HEAD is answered without a body, ${workerClass}`, async (t) => {
    const host = await counting(t, single(workerClass));
    const client = await RawClient.connect(t, await host.ready());
    client.send('HEAD / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
    const answer = await client.all();
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /\r\n\r\n$/);
    await host.finished(1);
  });
}

// The worker has patience with a client that never closes its side: all these tests wait for that together.
describe('CONNECT', { concurrency: true }, () => {
  for (const workerClass of CLASSES) {
    test(`CONNECT is refused, ${workerClass}`, async (t) => {
      const host = new Host(t, { ...single(workerClass), keepAlive: 60_000 });
      const url = await host.ready();
      for (const allowHalfOpen of [false, true]) {
        const client = await RawClient.connect(t, url, { allowHalfOpen });
        client.send('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n');
        await client.until((received) => received.endsWith('\r\n\r\n'), 'an answer');
        assert.match(client.received, /^HTTP\/1\.1 501 Not Implemented\r\n/);
        // The next client is served also when this one never closes its side.
        assert.equal((await get(url)).body, 'hello');
        await eventually(async () => (await host.stats()).workers[0]?.connections === 0, 'no connection');
      }
    });
  }
});

test('an expectation that is not known ends the connection of a sync worker', async (t) => {
  const host = await counting(t, single('sync'));
  const client = await RawClient.connect(t, await host.ready());
  client.send('GET / HTTP/1.1\r\nHost: test\r\nExpect: a-miracle\r\n\r\n').get('/second');
  const answer = await client.all();
  assert.deepEqual(answer.match(/(?<=HTTP\/1\.1 )\d+/g), ['417'], answer);
  assert.ok(headLines(answer).includes('Connection: close'), answer);
});

for (const workerClass of KEEPING) {
  test(`a connection is kept after HEAD, ${workerClass}`, async (t) => {
    const host = await counting(t, single(workerClass));
    const client = await RawClient.connect(t, await host.ready());
    client.send('HEAD / HTTP/1.1\r\nHost: test\r\n\r\n').get('/');
    await client.until((received) => received.endsWith('hello'), 'the second answer');
    assert.deepEqual(client.received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200']);
    assert.deepEqual(client.received.match(/hello/g), ['hello']);
  });
}
