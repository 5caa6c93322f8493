import assert from 'node:assert/strict';
import test from 'node:test';
import { io } from 'socket.io-client';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { inTime } from '../helpers/wait.js';

keepHosts();

const ECHO = 'GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

test('late_listeners: socket.io on the server of a request, whose application is a function', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: 'async', app: `${fixture('attaches-late.js')}#plain` });
  const url = await host.ready();
  assert.equal((await get(`${url}/attach`)).body, 'plain /attach');
  // socket.io begins with requests, and goes on with an upgrade.
  const client = io(url, { reconnection: false });
  t.after(() => client.close());
  const upgraded = new Promise((resolve) => {
    client.io.on('open', () => client.io.engine.once('upgrade', resolve));
  });
  await inTime(new Promise<void>((resolve) => client.once('connect', resolve)), 'a connection of socket.io');
  await inTime(upgraded, 'its WebSocket');
  assert.equal(await client.timeout(10_000).emitWithAck('say', 'hello'), 'hello back');
  // The application's own listener now comes after that of socket.io.
  assert.equal((await get(`${url}/other`)).body, 'plain /other');
  const { totals } = await host.stats();
  assert.ok(totals.requests > 4, `${totals.requests} requests`);
  assert.equal(totals.errors, 0);
});

for (const secure of [false, true]) {
  const skip = secure && noCertificates;
  test(`late_listeners: on the server of Fastify${secure ? ', over TLS' : ''}`, { skip }, async (t) => {
    const { cert, key } = secure ? certificate() : { cert: '', key: '' };
    const app = `${fixture('attaches-late.js')}#framework`;
    for (const http2 of secure ? [false, true] : [false]) {
      const host = new Host(t, { workers: 1, workerClass: 'async', app, http2, ...(secure && { tls: { cert, key } }) });
      const url = await host.ready();
      const client = await (secure ? RawClient.secure(t, url, cert) : RawClient.connect(t, url));
      client.send(ECHO);
      await client.until((received) => received.endsWith('no upgrade'), 'an answer as to any request');
      assert.equal((await get(`${url}/attach`, secure ? cert : undefined)).body, 'attached');
      client.send(ECHO);
      await client.until((received) => /HTTP\/1\.1 101 .*\r\n\r\n$/s.test(received), 'the upgrade');
      client.send('hello');
      await client.until((received) => received.endsWith('hello'), 'the echo');
      client.leave();
    }
  });
}
