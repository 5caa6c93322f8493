/* The options of requests with `http2: true`: for clients of HTTP/2, and for those of HTTP/1.1 on the same port. */
import assert from 'node:assert/strict';
import type { ClientHttp2Stream } from 'node:http2';
import test, { type TestContext } from 'node:test';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { fixture, type Host } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const needed = { skip: noCertificates };

async function statusOf(t: TestContext, host: Host, ...lines: string[]): Promise<string> {
  const client = await RawClient.secure(t, await host.ready(), certificate().cert);
  const all = await client.send(['GET /headers HTTP/1.1', ...lines, 'Connection: close', '', ''].join('\r\n')).all();
  return all.slice('HTTP/1.1 '.length).split('\r\n')[0] as string;
}

const LONG = 'a'.repeat(3_000);

test('http2_limits: without options, clients of HTTP/1.1 find what they find without HTTP/2', needed, async (t) => {
  const host = http2Host(t, {});
  assert.equal(await statusOf(t, host, 'Host: a', `X-Long: ${LONG}`), '200 OK');
  assert.equal(await statusOf(t, host), '400 Bad Request', 'no Host');
  assert.equal(
    await statusOf(t, host, 'Host: a', `X-Long: ${'a'.repeat(17_000)}`),
    '431 Request Header Fields Too Large',
  );
});

for (const by of ['the Arbiter', 'an exported server'] as const) {
  test(`http2_limits: options of ${by} hold for clients of HTTP/1.1 too`, needed, async (t) => {
    const options = { requireHostHeader: false, joinDuplicateHeaders: true, insecureHTTPParser: true };
    const app = fixture('exported-server.js');
    const host =
      by === 'the Arbiter'
        ? http2Host(t, { app, maxHeaderSize: 2_000, server: options })
        : http2Host(t, { app, env: { SERVER_OPTIONS: JSON.stringify({ maxHeaderSize: 2_000, ...options }) } });
    assert.equal(await statusOf(t, host), '200 OK', 'no Host');
    assert.equal(await statusOf(t, host, `X-Long: ${LONG}`), '431 Request Header Fields Too Large');
    assert.equal(await statusOf(t, host, 'X-Odd: a\x01b'), '200 OK', 'what the strict parser refuses');
    const client = await RawClient.secure(t, await host.ready(), certificate().cert);
    const all = await client.send('GET /headers HTTP/1.1\r\nAge: 1\r\nAge: 2\r\nConnection: close\r\n\r\n').all();
    assert.match(all, /"age":"1, 2"/);
  });
}

test('http2_limits: maxHeaderSize is a 431 of the stream, from the first one of a session on', needed, async (t) => {
  const host = http2Host(t, { maxHeaderSize: 2_000, app: fixture('counts-headers.js') });
  const url = await host.ready();
  for (let count = 0; count < 2; count++) {
    const session = await connect(t, url);
    for (const [long, status] of [
      [3_000, 431],
      [1_000, 200],
      [3_000, 431],
    ] as const) {
      assert.equal((await answerOf(request(session, '/', { 'x-long': 'a'.repeat(long) }))).status, status);
    }
    session.close();
  }
  // The names count, too, and what stands between them.
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x-${'n'.repeat(20)}-${index}`, '']));
  assert.equal((await answerOf(request(await connect(t, url), '/', many))).status, 431);
  assert.deepEqual(host.of('worker:exit'), []);
});

test('http2_limits: without maxHeaderSize, HTTP/2 has the limit of Node', needed, async (t) => {
  const host = http2Host(t, {});
  const session = await connect(t, await host.ready());
  assert.equal((await answerOf(request(session, '/', { 'x-long': 'a'.repeat(30_000) }))).status, 200);
});

/** A request whose body has begun, and does not go on. */
function begin(session: Awaited<ReturnType<typeof connect>>, path: string): ClientHttp2Stream {
  const stream = request(session, path, { ':method': 'POST' });
  stream.write('a part');
  return stream;
}

test('http2_limits: requestTimeout ends the stream of a body that does not come, and no other', needed, async (t) => {
  const host = http2Host(t, { requestTimeout: 500, headersTimeout: 400, app: fixture('bodies.js') });
  const session = await connect(t, await host.ready());
  const whole = begin(session, '/whole');
  whole.end();
  const unending = answerOf(begin(session, '/events'));
  assert.equal((await answerOf(whole)).status, 200);
  assert.deepEqual(await unending, { status: 408, body: 'Request Timeout\n' });
  // Its answer takes longer than that, but the request was complete.
  const endless = request(session, '/endless');
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(endless.closed, false);
  endless.close(8);
  await host.finished(3);
  assert.deepEqual(host.of('worker:exit'), []);
});

test('http2_limits: an answer that did not wait for the body is not followed by it for ever', needed, async (t) => {
  const host = http2Host(t, { requestTimeout: 500, headersTimeout: 400, app: fixture('counts-headers.js') });
  const session = await connect(t, await host.ready());
  const stream = begin(session, '/');
  assert.equal((await answerOf(stream)).status, 200);
  await eventually(async () => (await host.stats()).workers[0]?.active === 0, 'nothing in flight');
});
