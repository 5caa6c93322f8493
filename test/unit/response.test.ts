import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import test from 'node:test';
import { responseTo } from '../helpers/response.js';

const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf';

test('an answer that is reset in its middle rejects for whoever reads it, and ends nothing else', async (t) => {
  let reset = (): void => undefined;
  const server = createServer((socket) => {
    reset = () => socket.resetAndDestroy();
    socket.on('error', () => undefined).once('data', () => socket.write(HALF));
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const response = await responseTo(get({ host: '127.0.0.1', port, agent: false }));
  reset();
  await assert.rejects(response.setEncoding('utf8').toArray(), { code: 'ECONNRESET' });
});

test('no answer at all rejects for whoever waits for one', async (t) => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await assert.rejects(responseTo(get({ host: '127.0.0.1', port, agent: false })), { code: 'ECONNRESET' });
});
