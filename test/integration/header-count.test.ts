import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ArbiterOptions } from 'prefork';
import { amount } from '../helpers/amount.js';
import { answersIn } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { assertUnharmed, atRest, type ClassUnderTest, classes, single } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

function counting(t: TestContext, { options }: ClassUnderTest, more: Partial<ArbiterOptions> = {}): Host {
  return new Host(t, { app: fixture('counts-headers.js'), workers: 1, ...options, ...more });
}

/** A head with so many headers; the last one must not get lost. */
function head(
  count: number,
  first: readonly string[] = ['Host: a', 'Connection: close'],
  line = 'GET / HTTP/1.1',
): string {
  const fill = Array.from({ length: count - first.length - 1 }, () => 'a: 1');
  return [line, ...first, ...fill, 'X-Last: 1', '', ''].join('\r\n');
}

function connectTo(t: TestContext, url: string): Promise<RawClient> {
  return url.startsWith('https:') ? RawClient.secure(t, url, certificate().cert) : RawClient.connect(t, url);
}

async function statusesOf(t: TestContext, url: string, bytes: string): Promise<string[]> {
  const client = await connectTo(t, url);
  const answers = answersIn(await client.send(bytes).all());
  return answers.map(({ status, body }) => `${status} ${body}`.trim());
}

const LIMITS: readonly (readonly [option: number | undefined, limit: number])[] = [
  [undefined, 1_000],
  // Node's parser hands over 32 headers at once: one limit is a multiple of 32, and one is not.
  [50, 50],
  [64, 64],
];
/** The parser counts the headers, and knows nothing of TLS. */
const WITHIN_TLS = amount({ suite: LIMITS.slice(1, 2), long: LIMITS });

for (const each of classes()) {
  for (const secure of [false, true]) {
    const name = `${each.name}${secure ? ', TLS' : ''}`;
    test(`header_count: one more than the limit is answered 431: ${name}`, {
      skip: secure && noCertificates,
    }, async (t) => {
      for (const [option, limit] of secure ? WITHIN_TLS : LIMITS) {
        const host = counting(t, each, {
          ...(option !== undefined && { maxHeadersCount: option }),
          ...(secure && { tls: { ...certificate() } }),
        });
        const url = await host.ready();
        assert.deepEqual(await statusesOf(t, url, head(limit)), [`200 ${limit} 1`]);
        for (const count of [limit + 1, limit + 40, 1_500]) {
          assert.deepEqual(await statusesOf(t, url, head(count)), ['431'], `${count} of ${limit}`);
        }
        const upgrade = head(limit + 1, ['Host: a', 'Connection: Upgrade', 'Upgrade: nothing']);
        assert.deepEqual(await statusesOf(t, url, upgrade), ['431'], 'an upgrade');
        const tunnel = head(limit + 1, ['Host: a'], 'CONNECT a:1 HTTP/1.1');
        assert.deepEqual(await statusesOf(t, url, tunnel), ['431'], 'a tunnel');
        await assertUnharmed(host);
        await atRest(host);
        await host.call('stop');
      }
    });
  }

  test(`header_count: a limit of 0 is none: ${each.name}`, async (t) => {
    const host = counting(t, each, { maxHeadersCount: 0 });
    assert.deepEqual(await statusesOf(t, await host.ready(), head(1_500)), ['200 1500 1']);
  });

  for (const secure of [false, true]) {
    const name = `${each.name}${secure ? ', TLS' : ''}`;
    test(`header_count: an exported server has its own limit, and is told: ${name}`, {
      skip: secure && noCertificates,
    }, async (t) => {
      const env = { SERVER_FIELDS: JSON.stringify({ maxHeadersCount: 20 }) };
      const app = fixture('exported-server.js');
      const host = new Host(t, { app, ...single(each.name), env, ...(secure && { tls: { ...certificate() } }) });
      const url = await host.ready();
      const all = (bytes: string): Promise<string> => connectTo(t, url).then((client) => client.send(bytes).all());
      assert.match(await all(head(20)), /^HTTP\/1\.1 200 /);
      assert.match(await all(head(21)), /^HTTP\/1\.1 431 /);
      // From here on the server also listens to upgrades. For that, the library stands between Node 20's parser and its
      // server once more.
      assert.match(await all(head(20, undefined, 'GET /listen HTTP/1.1')), /^HTTP\/1\.1 200 /);
      assert.match(await all(head(20)), /^HTTP\/1\.1 200 /);
      assert.match(await all(head(21)), /^HTTP\/1\.1 400 Own Words\r\n/);
      await assertUnharmed(host);
    });
  }

  test(`header_count: behind a request of the same connection: ${each.name}`, { skip: !each.keeps }, async (t) => {
    const host = counting(t, each);
    const url = await host.ready();
    const bytes = head(5, ['Host: a']) + head(1_001, ['Host: a']) + head(5, ['Host: a']);
    // A thread whose last requests took long closes the connection after each answer, until it knows that its requests
    // are short. Nothing of the second request is seen then.
    await eventually(async () => {
      const statuses = await statusesOf(t, url, bytes);
      if (statuses.join() === '200 5 1') return false;
      assert.ok(['431', '200 5 1,431'].includes(statuses.join()), statuses.join());
      return true;
    }, 'a thread that goes on behind the first answer');
    await assertUnharmed(host);
    await atRest(host);
  });
}

const ENHANCE_YOUR_CALM = 11;

for (const [option, limit] of [
  [undefined, 124],
  [20, 20],
  [1_000, 1_000],
] as const) {
  test(`header_count: of HTTP/2, ${limit} pass, and with one more the stream is reset alone`, {
    skip: noCertificates,
  }, async (t) => {
    const host = http2Host(t, {
      app: fixture('counts-headers.js'),
      ...(option !== undefined && { maxHeadersCount: option }),
    });
    const url = await host.ready();
    const session = await connect(t, url);
    const headers = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [index === 0 ? 'x-last' : `x-${index}`, '1']));
    assert.deepEqual(await answerOf(request(session, '/', headers(limit))), { status: 200, body: `${limit} 1` });
    const refused = request(session, '/', headers(limit + 1));
    assert.deepEqual([await answerOf(refused), refused.rstCode], [{ status: undefined, body: '' }, ENHANCE_YOUR_CALM]);
    assert.deepEqual(await answerOf(request(session, '/')), { status: 200, body: '0 0' });
    // Beside HTTP/2, HTTP/1.1 keeps its own limit.
    const other = option ?? 1_000;
    assert.deepEqual(await statusesOf(t, url, head(other)), [`200 ${other} 1`]);
    assert.deepEqual(await statusesOf(t, url, head(other + 1)), ['431']);
    await assertUnharmed(host);
  });
}
