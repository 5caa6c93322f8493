/*
 * Endless answers over TLS and HTTP/2, during drains: the signal ends them, or the worker does so near the end of its
 * time.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { classes } from '../helpers/classes.js';
import { endless } from '../helpers/endless.js';
import { Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { answerOf, closed, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const needed = { skip: noCertificates };
/** Limits so long that whatever waits for one waits in vain. */
const UNHURRIED = { workers: 1, gracefulTimeout: 2 ** 31 - 1, keepAlive: 600_000, timeout: 0 };
const LATE = { ...UNHURRIED, gracefulTimeout: 1_200 };
const told = (host: Host): unknown[] => host.of('worker:message').map(({ args }) => args[1]);
const CLEAN = { code: 0, signal: null };

type Order = readonly [reason: string, give: (host: Host, url: string) => unknown, options?: HostOptions];
const ORDERS: readonly Order[] = [
  ['reload', (host) => host.call('reload')],
  ['stop', (host) => host.call('stop')],
  ['recycle', (_, url) => get(`${url}/`, certificate().cert), { maxRequests: 1 }],
];

for (const [reason, give, more] of ORDERS) {
  test(
    `endless over HTTP/2: the signal ends streams of events, and the session with them, ${reason}`,
    needed,
    async (t) => {
      const host = http2Host(t, { ...UNHURRIED, app: endless('plain'), ...more });
      const url = await host.ready();
      const session = await connect(t, url);
      const goAways: number[] = [];
      session.on('goaway', (code: number) => goAways.push(code));
      const streams = [request(session, '/events'), request(session, '/events')];
      const answers = streams.map(answerOf);
      await Promise.all(streams.map((stream) => inTime(once(stream, 'data'), 'the first event')));
      await give(host, url);
      for (const answer of answers) {
        assert.deepEqual(await answer, { status: 200, body: 'data: first\n\ndata: last\n\n' });
      }
      assert.deepEqual(
        streams.map(({ rstCode }) => rstCode),
        [0, 0],
      );
      await closed(session);
      assert.deepEqual(goAways, [0]);
      assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason });
      assert.ok(told(host).includes('signal'), host.log);
      assert.deepEqual([...host.of('worker:warning'), ...host.of('worker:error')], []);
    },
  );
}

test("endless over HTTP/2: Fastify's hooks run, in their order", needed, async (t) => {
  const host = http2Host(t, { ...UNHURRIED, app: endless('fastifyApp') });
  const session = await connect(t, await host.ready());
  const stream = request(session, '/events');
  const answer = answerOf(stream);
  await inTime(once(stream, 'data'), 'the first event');
  await host.call('stop');
  assert.deepEqual([(await answer).body, stream.rstCode], ['data: first\n\ndata: last\n\n', 0]);
  const order = ['signal', 'preClose', 'preClose of a plugin', 'closed /events', 'onClose of a plugin', 'onClose'];
  assert.deepEqual(told(host), order);
  assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason: 'stop' });
});

test(
  'late over HTTP/2: a stream of events is ended, what else is under way is broken off, and what has no head is 503',
  needed,
  async (t) => {
    const host = http2Host(t, { ...LATE, app: endless('plain') });
    const session = await connect(t, await host.ready());
    const paths = ['/deaf', '/chunks', '/length', '/silent'];
    const streams = paths.map((path) => request(session, path));
    const answers = streams.map(answerOf);
    await Promise.all(streams.slice(0, 3).map((stream) => inTime(once(stream, 'data'), 'the first part')));
    await eventually(async () => (await host.stats()).workers[0]?.active === 4, 'all in flight');
    await host.call('stop');
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200, 200, 503]);
    // NO_ERROR, INTERNAL_ERROR
    assert.deepEqual(
      streams.map(({ rstCode }) => rstCode),
      [0, 2, 2, 0],
    );
    assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason: 'stop' });
    assert.match(host.of('worker:warning')[0]?.args[1].message, /4 answers were not at an end/);
  },
);

async function open(t: TestContext, host: Host, path: string): Promise<RawClient> {
  const client = await RawClient.secure(t, await host.ready(), certificate().cert);
  await client.get(path).until((received) => received.includes('first'), 'the first part');
  return client;
}

for (const { name, options } of classes()) {
  const tls = { tls: { ...certificate() } };
  for (const [reason, give, more] of ORDERS) {
    // In a sync worker, no other request can end beside a stream, so none reaches `maxRequests`.
    if (name === 'sync' && reason === 'recycle') continue;
    test(`endless over TLS: the signal ends a stream of events, ${name}, ${reason}`, needed, async (t) => {
      const host = new Host(t, { ...UNHURRIED, ...options, ...tls, app: endless('plain'), ...more });
      const client = await open(t, host, '/events');
      await give(host, await host.ready());
      assert.match(await client.all(), /data: first\n\n.*data: last\n\n\r\n0\r\n\r\n$/s);
      assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason });
      assert.ok(told(host).includes('signal'), host.log);
    });
  }

  for (const [path, whole] of [
    ['/deaf', true],
    ['/chunks', false],
  ] as const) {
    test(`late over TLS: ${path} is ${whole ? 'ended' : 'broken off'}, ${name}`, needed, async (t) => {
      const host = new Host(t, { ...LATE, ...options, ...tls, app: endless('plain') });
      const client = await open(t, host, path);
      await host.call('stop');
      assert.equal((await client.all()).endsWith('0\r\n\r\n'), whole);
      assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason: 'stop' });
      assert.equal(host.of('worker:warning')[0]?.args[1].code, 'drain');
    });
  }
}
