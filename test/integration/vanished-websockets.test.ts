import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { describe } from 'node:test';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { ByteClient } from '../helpers/byte-client.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const OPTIONS = { workers: 1, workerClass: 'async', app: fixture('many-protocols.js'), gracefulTimeout: 25_000 };
const KEY = Buffer.alloc(16).toString('base64');

/** A WebSocket whose client reads and never says anything again. */
async function vanish(url: string, path: string): Promise<ByteClient> {
  const client = await ByteClient.connect(url);
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`);
  client.send(`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`);
  await client.until('101 Switching Protocols');
  return client;
}

const CLOSE = '\x88\x0c\x03\xe9going away';

// What takes time is the patience of the worker: all tests wait for that together.
describe('vanished_websockets', { concurrency: true }, () => {
  for (const drain of ['stop', 'reload'] as const) {
    test(`vanished_websockets: of ws, at a ${drain}`, async (t) => {
      const host = new Host(t, OPTIONS);
      const url = await host.ready();
      const clients = [await vanish(url, '/ws'), await vanish(url, '/ws')];
      const drained = host.call(drain);
      // The worker ends its own side in order, behind the close frame.
      for (const client of clients) {
        const all = await client.all();
        assert.ok(all.endsWith(CLOSE), all);
        assert.equal(client.end, 'closed');
      }
      await drained;
      const [, exit] = await host.event('worker:exit');
      assert.deepEqual(exit, { code: 0, signal: null, reason: drain });
      const [, { code }] = await host.event('worker:warning');
      assert.equal(code, 'websocket');
      await eventually(
        () => host.log.split('a WebSocket has closed with').length === 3,
        'both closes in the application',
      );
      await host.until(() => host.log.includes('the server has heard of its close'), 'the close of the server');
    });

    test(`vanished_websockets: of socket.io, at a ${drain}`, async (t) => {
      const host = new Host(t, OPTIONS);
      const url = await host.ready();
      const client = await vanish(url, '/socket.io/?EIO=4&transport=websocket');
      // With this, the client's handshake is over, and it is in the namespace.
      client.send(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]));
      await client.until('40{"sid"');
      const drained = host.call(drain);
      assert.ok((await client.all()).endsWith(CLOSE));
      await drained;
      assert.deepEqual((await host.event('worker:exit'))[1], { code: 0, signal: null, reason: drain });
      await eventually(() => host.log.includes('a socket.io client has gone'), 'its close in the application');
    });
  }
});

test('vanished_websockets: those that are there are told, and close at once', async (t) => {
  const host = new Host(t, OPTIONS);
  const url = await host.ready();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  const client = io(url, { transports: ['websocket'], reconnection: false });
  t.after(() => {
    socket.terminate();
    client.close();
  });
  await inTime(
    Promise.all([once(socket, 'open'), new Promise((resolve) => client.once('connect', () => resolve(0)))]),
    'both',
  );
  assert.equal(await client.timeout(10_000).emitWithAck('say', 'hello'), 'hello back');
  const closed = once(socket, 'close');
  const gone = new Promise((resolve) => client.once('disconnect', resolve));
  await host.call('stop');
  assert.deepEqual((await inTime(closed, 'its close'))[0], 1001);
  assert.equal(await inTime(gone, 'its end'), 'transport close');
  assert.deepEqual((await host.event('worker:exit'))[1], { code: 0, signal: null, reason: 'stop' });
  assert.deepEqual(host.of('worker:warning'), []);
});
