import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { ByteClient } from '../helpers/byte-client.js';
import { noCertificates } from '../helpers/certificate.js';
import { assertUnharmed, atRest } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { FRAME, FrameClient, headers, reset, settingsAck } from '../helpers/http2-frames.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const needed = { skip: noCertificates };

/** How many requests of one connection may wait for answers. */
const MAX_PENDING = 1_000;
/** NGHTTP2_REFUSED_STREAM: the request may be sent again. */
const REFUSED = 7;

const ids = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => 2 * (first + index) + 1);

test('HTTP/2: more streams than are allowed at once are refused, and the others served', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { app: fixture('gated.js'), env: gate.env });
  const client = await FrameClient.connect(t, await host.ready());
  // The client has not acknowledged the limit yet: RFC 9113, 6.5.3.
  client.send(...ids(MAX_PENDING + 200).map((id) => headers(id, `/${id}`)));
  await client.until(() => client.of(FRAME.RST_STREAM).length === 200, '200 refused streams');
  for (const { id, payload } of client.of(FRAME.RST_STREAM)) {
    assert.ok(id > 2 * MAX_PENDING, `stream ${id} was refused`);
    assert.equal(payload.readUInt32BE(), REFUSED);
  }
  for (let count = 0; count < MAX_PENDING; count++) (await gate.next()).release();
  await client.until(() => ids(MAX_PENDING).every((id) => client.body(id).endsWith(` /${id}`)), 'all the answers');
  await host.finished(MAX_PENDING);
  assert.deepEqual(host.of('worker:warning'), []);
  await assertUnharmed(host);
});

test('HTTP/2: a client of Node that wants more at once is served', needed, async (t) => {
  const host = http2Host(t, {});
  const session = await connect(t, await host.ready());
  const answers = await Promise.all(ids(3 * MAX_PENDING).map(() => answerOf(request(session, '/'))));
  assert.deepEqual([...new Set(answers.map(({ body }) => body))], ['hello']);
  await host.finished(3 * MAX_PENDING);
  await assertUnharmed(host);
});

test('HTTP/2: the limit is an option of the server', needed, async (t) => {
  const host = http2Host(t, { server: { settings: { maxConcurrentStreams: 7 } } as object });
  const session = await connect(t, await host.ready());
  if (session.remoteSettings.maxConcurrentStreams !== 7) await inTime(once(session, 'remoteSettings'), 'SETTINGS');
  assert.equal(session.remoteSettings.maxConcurrentStreams, 7);
});

test('HTTP/2: a client that breaks the limit which it knows is cut off, and that is told', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const client = await FrameClient.connect(t, url);
  client.send(settingsAck, ...ids(MAX_PENDING + 200).map((id) => headers(id, `/${id}`)));
  const [, { code, message }] = await host.event('worker:warning');
  assert.equal(code, 'pipelining');
  assert.match(message, /^an HTTP\/2 connection of 127\.0\.0\.1 broke a limit, and was ended: /);
  await eventually(() => client.ended || client.closed, 'the end of the connection');
  client.leave();
  const other = answerOf(request(await connect(t, url), '/other'));
  for (const arrival of gate.arrivals) arrival.release();
  while ((await gate.next()).url !== '/other');
  gate.arrivals.at(-1)?.release();
  assert.equal((await other).status, 200);
  await assertUnharmed(host);
});

test('HTTP/2: requests that are taken back in masses leave nothing', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const client = await FrameClient.connect(t, url);
  // If the event loop had stood still, requests that were taken back before their turn are abandoned instead of served.
  const accounted = (count: number): Promise<void> =>
    eventually(
      async () => {
        const { requests, abandoned } = (await host.stats()).totals;
        return requests + abandoned === count;
      },
      () => `${count} requests that are served or abandoned`,
    );
  let first = 0;
  // One half is reset in the same piece as the request, so that it is over before its handler begins. The other half is
  // reset in a piece of its own.
  for (const method of ['GET', 'HEAD']) {
    const [some, more] = [ids(100, first), ids(100, first + 100)];
    first += 200;
    client.send(...some.flatMap((id) => [headers(id, `/${id}`, method), reset(id)]));
    client.send(...more.map((id) => headers(id, `/${id}`, method)));
    const held = async (): Promise<boolean> => (await host.stats()).workers[0]?.active === more.length;
    await eventually(held, 'the requests that are held');
    client.send(...more.map(reset));
    await accounted(first);
    assert.equal((await host.stats()).workers[0]?.active, 0);
  }
  const [id] = ids(1, first) as [number];
  client.send(headers(id, '/last'));
  let last = await gate.next();
  while (last.url !== '/last') last = await gate.next();
  last.release();
  await client.until(() => client.body(id).endsWith(' /last'), 'an answer');
  client.leave();
  await atRest(host);
  await accounted(first + 1);
  await assertUnharmed(host);
});

test('HTTP/1.1: a client that pipelines without end is cut off, and that is told', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, workerClass: 'async', app: fixture('gated.js'), env: gate.env });
  const client = await ByteClient.connect(await host.ready());
  const text = 'GET /held HTTP/1.1\r\nHost: a\r\n\r\n';
  client.send(text.repeat(MAX_PENDING));
  const active = async (): Promise<boolean> => (await host.stats()).workers[0]?.active === MAX_PENDING;
  await eventually(active, `${MAX_PENDING} requests`);
  assert.equal(client.end, 'open');
  client.send(text.repeat(50));
  await client.all();
  const [, warning] = await host.event('worker:warning');
  const message = `a connection of 127.0.0.1 was closed: ${MAX_PENDING + 1} requests waited for answers`;
  assert.deepEqual(warning, { code: 'pipelining', message });
  await host.finished(MAX_PENDING);
  await atRest(host);
  await assertUnharmed(host);
});
