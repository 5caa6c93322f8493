import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import https from 'node:https';
import test from 'node:test';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { Gate } from '../helpers/gate.js';
import { fixture } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { answerOf, closed, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const needed = { skip: noCertificates };

test('tls_and_http2: one server speaks HTTP/2 and HTTP/1.1', needed, async (t) => {
  const host = http2Host(t, {});
  const url = await host.ready();
  const session = await connect(t, url);
  assert.equal(session.alpnProtocol, 'h2');
  for (let count = 0; count < 3; count++) {
    assert.deepEqual(await answerOf(request(session, '/')), { status: 200, body: 'hello' });
  }
  const old = https.get(url, { agent: false, ca: certificate().cert });
  const [response] = await inTime(once(old, 'response'), 'an answer');
  assert.deepEqual([response.httpVersion, response.statusCode], ['1.1', 200]);
  response.resume();
  const kept = (await RawClient.secure(t, url, certificate().cert)).get('/').get('/');
  await kept.until((received) => received.split('hello').length === 3, 'two answers');
  await host.finished(6);
  assert.deepEqual(host.of('worker:exit'), []);
});

test(
  'tls_and_http2: a server that is exported is told that it listens, though another one serves',
  needed,
  async (t) => {
    const host = http2Host(t, { app: fixture('hears-listening.js') });
    const session = await connect(t, await host.ready());
    assert.deepEqual(await answerOf(request(session, '/')), { status: 200, body: 'once on' });
  },
);

test('tls_and_http2: the requests of one connection are served at once', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { workerConnections: 1, app: fixture('gated.js'), env: gate.env });
  const session = await connect(t, await host.ready());
  const paths = Array.from({ length: 10 }, (_, index) => `/${index}`);
  const answers = paths.map((path) => answerOf(request(session, path)));
  for (const _ of paths) await gate.next();
  assert.equal(gate.most, 10);
  await eventually(async () => (await host.stats()).workers[0]?.active === 10, '10 requests in flight');
  assert.equal((await host.stats()).workers[0]?.connections, 1);
  for (const arrival of gate.arrivals.toReversed()) arrival.release();
  assert.deepEqual(
    (await Promise.all(answers)).map(({ body }) => body.split(' ')[1]),
    paths,
  );
  await host.finished(10);
});

test('tls_and_http2: async_stops_accepting_at_capacity counts sessions', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { workerConnections: 1, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const session = await connect(t, url);
  const first = answerOf(request(session, '/first'));
  const held = await gate.next();
  const queued = get(`${url}/queued`, certificate().cert);
  await held.settle();
  assert.equal(gate.arrivals.length, 1);
  held.release();
  assert.equal((await first).status, 200);
  session.close();
  (await gate.next()).release();
  assert.equal((await queued).status, 200);
});

test('tls_and_http2: failures of one stream', needed, async (t) => {
  const host = http2Host(t, { app: fixture('failing.js') });
  const session = await connect(t, await host.ready());
  for (const path of ['/throws', '/rejects']) {
    assert.deepEqual(await answerOf(request(session, path)), { status: 500, body: 'Internal Server Error\n' });
  }
  const halfway = request(session, '/rejects-halfway');
  const answer = await answerOf(halfway);
  assert.equal(answer.status, 200);
  assert.notEqual(halfway.rstCode, http2.constants.NGHTTP2_NO_ERROR, 'half an answer came to a proper end');
  assert.deepEqual(await answerOf(request(session, '/ok')), { status: 200, body: 'ok' });
  assert.ok(!session.closed);
  await host.finished(4);
  assert.equal((await host.stats()).totals.errors, 3);
});

test('tls_and_http2: uncaught_exception_answers_500_then_replaces', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { app: fixture('crashing.js'), env: gate.env });
  const url = await host.ready();
  const sessions = [await connect(t, url), await connect(t, url)];
  const held = sessions.map((session, index) => answerOf(request(session, `/${index}`)));
  for (const _ of held) await gate.next();
  const failed = await answerOf(request(sessions[0] as ClientHttp2Session, '/uncaught'));
  for (const { status, body } of [failed, ...(await Promise.all(held))]) {
    assert.deepEqual([status, body], [500, 'Internal Server Error\n']);
  }
  await Promise.all(sessions.map(closed));
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual([exit.code, exit.reason, exit.request?.url], [1, 'crash', '/uncaught']);
  await host.event('worker:ready', ({ age }) => age === 2);
  const next = answerOf(request(await connect(t, url), '/next'));
  (await gate.next()).release();
  assert.equal((await next).status, 200);
});

test('tls_and_http2: a stop lets streams end and takes no new ones', needed, async (t) => {
  const gate = await Gate.open(t);
  const options = { app: fixture('gated.js'), env: gate.env, keepAlive: 60_000, gracefulTimeout: 2 ** 31 - 1 };
  const host = http2Host(t, options);
  const url = await host.ready();
  const [busy, idle] = [await connect(t, url), await connect(t, url)];
  const idleOnce = answerOf(request(idle, '/idle'));
  (await gate.next()).release();
  await idleOnce;
  const answer = answerOf(request(busy, '/held'));
  const held = await gate.next();
  const goaway = inTime(once(busy, 'goaway'), 'the wish for no further streams');
  const stopped = host.call('stop');
  // The session with nothing under way ends by itself.
  await closed(idle);
  await goaway;
  await held.settle();
  held.release();
  assert.deepEqual(await answer, { status: 200, body: `${held.pid} /held` });
  await closed(busy);
  await stopped;
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
});

test('tls_and_http2: an idle session is closed after keepAlive', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { app: fixture('gated.js'), env: gate.env, keepAlive: 1_000 });
  const url = await host.ready();
  const busy = await connect(t, url);
  const answer = answerOf(request(busy, '/held'));
  const held = await gate.next();
  const idle = await connect(t, url);
  const idleAnswer = answerOf(request(idle, '/idle'));
  (await gate.next()).release();
  assert.equal((await idleAnswer).status, 200);
  const silent = await connect(t, url);
  await closed(idle);
  await closed(silent);
  // The busy session was not idle, so it could not have been closed.
  assert.ok(!busy.closed);
  held.release();
  assert.equal((await answer).status, 200);
  await closed(busy);
  assert.deepEqual(host.of('worker:exit'), []);
});

test('tls_and_http2: keepAlive holds for HTTP/1.1 beside HTTP/2', needed, async (t) => {
  const host = http2Host(t, { keepAlive: 1_000 });
  const kept = (await RawClient.secure(t, await host.ready(), certificate().cert)).get('/');
  assert.match(await kept.all(), /\r\nKeep-Alive: timeout=1\r\n.*hello$/s);
});

test('tls_and_http2: slow_headers_time_out holds for HTTP/1.1 beside HTTP/2', needed, async (t) => {
  const host = http2Host(t, { headersTimeout: 300, server: { connectionsCheckingInterval: 50 } });
  const client = await RawClient.secure(t, await host.ready(), certificate().cert);
  client.send('GET / HTTP/1.1\r\n');
  assert.match(await client.all(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
});

test('tls_and_http2: CONNECT is refused', needed, async (t) => {
  const host = http2Host(t, {});
  const url = await host.ready();
  const session = await connect(t, url);
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'example.org:443' });
  stream.on('error', () => undefined).once('response', () => stream.end());
  const { status } = await answerOf(stream);
  assert.ok(status === undefined || status >= 400, `CONNECT was answered ${status}`);
  assert.deepEqual(await answerOf(request(session, '/')), { status: 200, body: 'hello' });
  const old = (await RawClient.secure(t, url, certificate().cert)).send('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
  assert.doesNotMatch(await old.all(), /HTTP\/1\.1 2/);
  assert.deepEqual(await answerOf(request(session, '/')), { status: 200, body: 'hello' });
  assert.deepEqual(host.of('worker:exit'), []);
});

test('tls_and_http2: client_disconnect_mid_response', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { app: fixture('bodies.js'), env: gate.env });
  const session = await connect(t, await host.ready());
  for (const leave of [(stream: ClientHttp2Stream) => stream.close(8), () => session.destroy()]) {
    const stream = request(session, '/endless');
    await inTime(once(stream, 'data'), 'the first bytes');
    leave(stream);
    assert.equal((await gate.next()).url, '/closed');
  }
  await host.finished(2);
  assert.deepEqual(host.of('worker:exit'), []);
});
