import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import test from 'node:test';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { CLASSES, KEEPING, single } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('exported-server.js');
const ECHO = 'GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

function exported(t: test.TestContext, more: HostOptions, server: { options?: object; fields?: object } = {}): Host {
  const { options = {}, fields = {} } = server;
  const env = { SERVER_OPTIONS: JSON.stringify(options), SERVER_FIELDS: JSON.stringify(fields) };
  // Without `allowHalfOpen`, a client that ends its side may be taken for one that has left.
  return new Host(t, { workers: 1, app, env, allowHalfOpen: true, ...more });
}

/** Everything that the server sends for these bytes, until it ends the connection. */
async function answered(t: test.TestContext, url: string, bytes: string): Promise<string> {
  const client = await RawClient.connect(t, url);
  const all = await client.send(bytes).end().all();
  return all;
}

for (const workerClass of CLASSES) {
  test(`exported_server: its classes are used, ${workerClass}`, async (t) => {
    const host = exported(t, single(workerClass));
    const url = await host.ready();
    assert.equal((await get(`${url}/`)).body, 'own GET, own answer');
    // The inner request is served in the place of the outer one: there is only one place.
    assert.equal((await get(`${url}/again`)).body, 'own GET, own answer');
    assert.equal((await get(`${url}/fails`)).status, 500);
    assert.equal((await get(`${url}/listens-itself`)).body, 'ERR_SERVER_ALREADY_LISTEN, own answer');
    await host.finished(4);
  });

  test(`exported_server: its classes are used over TLS, ${workerClass}`, { skip: noCertificates }, async (t) => {
    const { cert, key } = certificate();
    const host = exported(t, { ...single(workerClass), tls: { cert, key } });
    const url = await host.ready();
    assert.equal((await get(`${url}/`, cert)).body, 'own GET, own answer');
    await get(`${url}/listen`, cert);
    assert.equal((await get(`${url}/told`, cert)).body, '["secureConnection","connection"], own answer');
    // A client that has not shaken hands could read no answer.
    assert.equal(
      await answered(t, url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').then((all) => all.includes('HTTP')),
      false,
    );
    assert.equal((await get(`${url}/`, cert)).status, 200);
  });

  test(`exported_server: listeners count from the moment they are there, ${workerClass}`, async (t) => {
    const host = exported(t, { ...single(workerClass), keepAlive: 1_000 });
    const url = await host.ready();
    const expects = (what: string): string =>
      `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\nExpect: ${what}\r\n\r\n`;
    assert.match(await answered(t, url, expects('a-miracle')), /^HTTP\/1\.1 417 /);
    assert.match(await answered(t, url, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(await answered(t, url, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 501 /);
    await get(`${url}/listen`);
    assert.match(await answered(t, url, expects('a-miracle')), /expectation, own answer$/);
    assert.match(await answered(t, url, expects('100-continue')), /continue, own answer$/);
    assert.match(await answered(t, url, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 Own Words\r\n/);
    const takesOver = workerClass === 'async';
    assert.match(
      await answered(t, url, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'),
      takesOver ? /tunnel$/ : /^HTTP\/1\.1 501 /,
    );
    // `connection`: the event came at least for the four requests above.
    const { body } = await get(`${url}/told`);
    assert.ok(body.split('connection').length > 4, body);
    await host.call('stop');
    // The application's output comes by another way than the events of the host.
    await host.until(() => host.log.includes('the server has heard of its close'), 'the close of the server');
    assert.deepEqual((await host.event('worker:exit'))[1], { code: 0, signal: null, reason: 'stop' });
  });

  test(`exported_server: what it says of itself, ${workerClass}`, async (t) => {
    const host = exported(t, single(workerClass));
    const url = await host.ready();
    const port = Number(new URL(url).port);
    const expected = { connections: 1, port, listening: true, isSame: true };
    await eventually(async () => (await host.stats()).workers[0]?.connections === 0, 'no connection');
    assert.deepEqual(JSON.parse((await get(`${url}/count`)).body), expected);
  });

  test(`exported_server: its options are used, ${workerClass}`, async (t) => {
    const options = { requireHostHeader: false, joinDuplicateHeaders: true, maxHeaderSize: 2_000 };
    const host = exported(t, single(workerClass), { options });
    const url = await host.ready();
    const all = await answered(
      t,
      url,
      'GET /headers HTTP/1.1\r\nX-A: 1\r\nAge: 1\r\nAge: 2\r\nConnection: close\r\n\r\n',
    );
    assert.match(all, /^HTTP\/1\.1 200 .*"age":"1, 2"/s);
    const long = `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'a'.repeat(3_000)}\r\n\r\n`;
    assert.match(await answered(t, url, long), /^HTTP\/1\.1 431 /);
  });

  test(`exported_server: the Arbiter's options come first, ${workerClass}`, async (t) => {
    const options = { maxHeaderSize: 2_000, requireHostHeader: false };
    const more = { maxHeaderSize: 8_000, server: { requireHostHeader: true } };
    const host = exported(t, { ...single(workerClass), ...more }, { options });
    const url = await host.ready();
    const head = (lines: string): string => `GET / HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`;
    assert.match(await answered(t, url, head(`Host: a\r\nX-Long: ${'a'.repeat(3_000)}\r\n`)), /^HTTP\/1\.1 200 /);
    assert.match(await answered(t, url, head('')), /^HTTP\/1\.1 400 /);
  });

  test(`exported_server: whose emit was patched, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app, env: { PATCHED: 'yes' } });
    const answer = await get(`${await host.ready()}/`);
    assert.deepEqual([answer.body, answer.headers['x-patched']], ['own GET, own answer', 'yes']);
    await host.finished(1);
  });
}

for (const workerClass of KEEPING) {
  test(`exported_server: its limits of a connection, ${workerClass}`, async (t) => {
    const fields = { maxRequestsPerSocket: 2, keepAliveTimeout: 3_000 };
    const host = exported(t, single(workerClass), { fields });
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    client.get('/listen');
    await client.until((received) => received.endsWith('own answer'), 'an answer');
    // The client is told the timeout in seconds.
    assert.match(client.received, /\r\nKeep-Alive: timeout=3, max=2\r\n/);
    const all = await client.get('/').get('/').all();
    assert.deepEqual(all.match(/(?<=HTTP\/1\.1 )\d+/g), ['200', '200', '503']);
    assert.match((await get(`${url}/told`)).body, /dropRequest/);
  });

  test(`exported_server: keepAlive comes before its own, ${workerClass}`, async (t) => {
    const host = exported(t, { ...single(workerClass), keepAlive: 7_000 }, { fields: { keepAliveTimeout: 3_000 } });
    const client = await RawClient.connect(t, await host.ready());
    client.get('/');
    await client.until((received) => received.endsWith('own answer'), 'an answer');
    assert.match(client.received, /\r\nKeep-Alive: timeout=7\r\n/);
  });

  test(`exported_server: a timeout is told to its listener, ${workerClass}`, async (t) => {
    const host = exported(t, { ...single(workerClass), keepAlive: 60_000 }, { fields: { timeout: 300 } });
    const url = await host.ready();
    await get(`${url}/listen`);
    const silent = await RawClient.connect(t, url);
    assert.equal(await silent.all(), '');
    assert.match((await get(`${url}/told`)).body, /timeout/);
  });
}

test('exported_server: upgrades from the moment that it listens to them, also on connections from before', async (t) => {
  const host = exported(t, { workerClass: 'async' });
  const url = await host.ready();
  const client = await RawClient.connect(t, url);
  client.send(ECHO.replace('/echo', '/'));
  await client.until((received) => received.endsWith('own GET, own answer'), 'an answer as to any request');
  await get(`${url}/listen`);
  client.send(ECHO.replace('echo\r\n', 'h2c\r\n').replace('/echo', '/'));
  await client.until((received) => received.split('own GET, own answer').length === 3, 'the same to an offer');
  client.send(ECHO);
  await client.until((received) => /HTTP\/1\.1 101 .*\r\n\r\n$/s.test(received), 'the upgrade');
  client.send('hello');
  await client.until((received) => received.endsWith('hello'), 'the echo');
});

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`exported_server: its upgrades are plain requests for ${workerClass}`, async (t) => {
    const host = exported(t, single(workerClass));
    const url = await host.ready();
    await get(`${url}/listen`);
    const upgrade = ECHO.replace('/echo', '/').replace('Connection: ', 'Connection: close, ');
    for (let asked = 0; asked < 2; asked++)
      assert.match(await answered(t, url, upgrade), /^HTTP\/1\.1 200 .*own GET, own answer$/s);
    const [, { code, message, repeated }] = await host.event('worker:warning');
    assert.deepEqual([code, repeated], ['server', undefined]);
    assert.match(message, /listens to 'upgrade' \(WebSockets\), and this worker class serves no upgrades.* -k async$/);
    assert.equal(host.of('worker:warning').length, 1);
  });
}

test('exported_server: what has no effect is told by name', async (t) => {
  const host = exported(t, { workerClass: 'async' }, { fields: { maxConnections: 5 } });
  await host.ready();
  const [, { code, message }] = await host.event('worker:warning');
  assert.deepEqual(
    [code, message],
    ['server', "'maxConnections' of the exported server has no effect: set 'workerConnections'"],
  );
});

test('exported_server: beside HTTP/2', { skip: noCertificates }, async (t) => {
  const { cert, key } = certificate();
  const host = exported(t, { workerClass: 'async', http2: true, tls: { cert, key } });
  const url = await host.ready();
  const session = connect(url, { ca: cert });
  t.after(() => session.destroy());
  const [headers] = await once(session.request({ ':path': '/count' }).resume(), 'response');
  assert.equal(headers[':status'], 200);
  assert.equal((await get(`${url}/`, cert)).body, 'own GET, own answer');
  await get(`${url}/listen`, cert);
  const client = await RawClient.secure(t, url, cert);
  client.send(ECHO);
  await client.until((received) => /HTTP\/1\.1 101 .*\r\n\r\n$/s.test(received), 'the upgrade');
  const [, { message }] = await host.event('worker:warning');
  assert.equal(message, 'the classes of the exported server are used for HTTP/1.1 only');
});
