/* What the access log has for each request: one line, with what was really sent. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { LogFile } from '../helpers/access-log.js';
import { ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('logged.js');

async function logged(t: TestContext, options: HostOptions): Promise<{ host: Host; url: string; log: LogFile }> {
  const log = new LogFile(t);
  const host = new Host(t, { app, workers: 1, accessLog: log.path, ...options });
  return { host, url: await host.ready(), log };
}

/** Sends each request on a connection of its own, one after the other. */
async function ask(url: string, requests: readonly string[]): Promise<void> {
  for (const head of requests) {
    const client = (await ByteClient.connect(url)).send(head);
    await client.all();
  }
}

const simple = (path: string, method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;

for (const { name, options } of classes(1)) {
  test(`access_log: what was answered and how much was sent, ${name}`, async (t) => {
    const { url, log } = await logged(t, options);
    const post = 'POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n';
    await ask(url, [
      simple('/'),
      simple('/bytes?n=70000'),
      simple('/chunks'),
      simple('/bytes?n=9', 'HEAD'),
      simple('/head'),
      simple('/nothing'),
      simple('/throws'),
      `${post}\r\nabc`,
      `${post}Expect: 100-continue\r\n\r\nabc`,
      `${post}Expect: else\r\n\r\nabc`,
      'GET /old HTTP/1.0\r\n\r\n',
    ]);
    assert.deepEqual(await log.short(11), [
      'GET / HTTP/1.1 200 5',
      'GET /bytes?n=70000 HTTP/1.1 200 70000',
      // Two chunks, as they are sent: with their sizes and line ends, and with the last chunk.
      'GET /chunks HTTP/1.1 200 35',
      'HEAD /bytes?n=9 HTTP/1.1 200 0',
      'GET /head HTTP/1.1 201 3',
      'GET /nothing HTTP/1.1 204 0',
      'GET /throws HTTP/1.1 500 22',
      'POST /p HTTP/1.1 200 5',
      'POST /p HTTP/1.1 200 5',
      'POST /p HTTP/1.1 417 0',
      'GET /old HTTP/1.0 200 5',
    ]);
    assert.deepEqual([...new Set(log.lines().map(({ client }) => client))], ['127.0.0.1']);
  });

  test(`access_log: a head that is no ASCII is none of the bytes, in whichever encoding Node writes it, ${name}`, async (t) => {
    const { url, log } = await logged(t, options);
    const kinds = ['string', 'bytes', 'latin1', 'utf-8', 'none', 'write', 'flush'];
    const old = 'GET /accents?how=write HTTP/1.0\r\n\r\n';
    await ask(url, [...kinds.map((how) => simple(`/accents?how=${how}`)), old]);
    const lines = await log.short(8);
    // The answer to `write` is two chunks of two bytes each; Node 26 makes one chunk of what is written in one turn.
    const chunks = Number.parseInt(process.versions.node, 10) < 26 ? 19 : 14;
    assert.deepEqual(
      lines.map((line) => Number(line.split(' ').at(-1))),
      [2, 2, 1, 2, 0, chunks, 12, 4],
    );
  });

  test(`access_log: what could not be read is answered and has a line, ${name}`, async (t) => {
    const { url, log } = await logged(t, {
      ...options,
      ...{ maxHeaderSize: 1_000, headersTimeout: 400, requestTimeout: 800 },
      server: { connectionsCheckingInterval: 50 },
    });
    await ask(url, [
      'this is no HTTP\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2_000)}\r\n\r\n`,
      'GET /late HTTP/1.1\r\nHost: a\r\n',
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
      'POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ]);
    const lines = await log.short(5);
    assert.deepEqual(lines.slice(0, 4), [
      '- 400 0',
      '- 431 0',
      '- 408 0',
      name === 'async' ? lines[3] : 'CONNECT a:1 HTTP/1.1 501 0',
    ]);
    assert.equal(lines[4], 'POST /bad HTTP/1.1 400 0');
    assert.equal(lines.length, 5);
  });

  test(`access_log: an answer that is broken off has its status and what was sent, and none at all is 499, ${name}`, async (t) => {
    const { host, url, log } = await logged(t, options);
    await ask(url, [simple('/half')]);
    const large = (await ByteClient.connect(url)).get('/large?n=50000000');
    await large.until('HTTP/1.1 200');
    large.reset();
    const gone = (await ByteClient.connect(url)).get('/never');
    await host.event('worker:message');
    gone.reset();
    const lines = await log.short(3);
    assert.equal(lines[0], 'GET /half HTTP/1.1 200 100');
    const [, bytes] = /^GET \/large\?n=50000000 HTTP\/1.1 200 (\d+)$/.exec(lines[1] as string) ?? [];
    assert.ok(Number(bytes) < 50_000_000, lines[1]);
    assert.equal(lines[2], 'GET /never HTTP/1.1 499 0');
  });
}

for (const { name, options } of classes(1)) {
  test(`access_log: what is written beside an answer is none of its bytes: 102, 103, and a 400 behind it, ${name}`, async (t) => {
    for (const env of [{}, { LOGGED_ERRORS: '1' }]) {
      const { url, log } = await logged(t, { ...options, env });
      await ask(url, ['GET / HTTP/1.1\r\nHost: a\r\n\r\nBROKEN\r\n\r\n', simple('/hints')]);
      await eventually(() => log.texts().some((line) => line.includes('/hints')), 'the last line');
      const text = (await log.short(2)).join('\n');
      assert.match(text, /^GET \/hints HTTP\/1.1 200 6$/m);
      // 499: the event loop had stood still, so the request had not begun when the rest was read.
      assert.match(text, /^GET \/ HTTP\/1.1 (?:200 5|499 0)$/m);
    }
  });
}

for (const { name, options } of classes(1).filter(({ keeps }) => keeps)) {
  test(`access_log: what is written beside pipelined answers is none of their bytes, ${name}`, async (t) => {
    const { url, log } = await logged(t, options);
    const client = await ByteClient.connect(url);
    const paths = ['/chunks', '/hints', '/bytes?n=9', '/hints', '/'];
    client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    await client.until('hello');
    const lines = await log.short(5);
    assert.deepEqual(
      lines.map((line) => line.split(' ').at(-1)),
      ['35', '6', '9', '6', '5'],
    );
  });

  test(`access_log: a request more than maxRequestsPerSocket has its line, and the one before its own size, ${name}`, async (t) => {
    const { url, log } = await logged(t, { ...options, env: { LOGGED_MOST: '2' } });
    const client = await ByteClient.connect(url);
    client.send(['/', '/chunks', '/more'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    await client.until('503 Service Unavailable');
    const lines = await log.short(3);
    assert.deepEqual(lines.toSorted(), [
      'GET / HTTP/1.1 200 5',
      'GET /chunks HTTP/1.1 200 35',
      'GET /more HTTP/1.1 503 0',
    ]);
  });

  test(`access_log: of pipelined requests each has its own size, and those behind an answer that breaks have none, ${name}`, async (t) => {
    const { url, log } = await logged(t, options);
    const paths = ['/bytes?n=1', '/chunks', '/bytes?n=300', '/'];
    const client = await ByteClient.connect(url);
    client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    await client.until('hello');
    client.get('/bytes?n=7');
    await client.until('xxxxxxx');
    assert.deepEqual(await log.short(5), [
      'GET /bytes?n=1 HTTP/1.1 200 1',
      'GET /chunks HTTP/1.1 200 35',
      'GET /bytes?n=300 HTTP/1.1 200 300',
      'GET / HTTP/1.1 200 5',
      'GET /bytes?n=7 HTTP/1.1 200 7',
    ]);
    const broken = await ByteClient.connect(url);
    broken.send('GET /half HTTP/1.1\r\nHost: a\r\n\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n');
    await broken.all();
    const lines = await log.short(7);
    assert.deepEqual(lines.slice(5).sort(), ['GET /behind HTTP/1.1 499 0', 'GET /half HTTP/1.1 200 100']);
  });
}

test('access_log: an upgrade has its line when it ends, with what was written to it', async (t) => {
  const { url, log } = await logged(t, { workerClass: 'async' });
  const upgrade = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`;
  const echo = (await ByteClient.connect(url)).send(upgrade('/echo'));
  await echo.until('\r\n\r\n');
  await echo.send('twelve bytes').until('twelve bytes');
  assert.equal(log.texts().length, 0);
  echo.finish();
  await echo.all();
  await (await ByteClient.connect(url)).send(upgrade('/refuses')).all();
  assert.deepEqual(await log.short(2), ['GET /echo HTTP/1.1 101 12', 'GET /refuses HTTP/1.1 403 2']);
  const accents = (await ByteClient.connect(url)).send(upgrade('/accents'));
  await accents.until('\r\n\r\n');
  accents.finish();
  await accents.all();
  assert.equal((await log.short(3))[2], 'GET /accents HTTP/1.1 101 0');
  // An upgrade in the same chunk, behind a request that is not answered yet, is ignored.
  await (await ByteClient.connect(url)).send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgrade('/refuses')}`).all();
  const behind = (await log.short(5)).slice(3).join('\n');
  assert.match(behind, /^GET \/refuses HTTP\/1.1 200 5$/m);
  // 499: the event loop had stood still, so the first request had not begun by then.
  assert.match(behind, /^GET \/ HTTP\/1.1 (?:200 5|499 0)$/m);
});

test('access_log: TLS, with the bytes of the body and not of the cipher', { skip: noCertificates }, async (t) => {
  for (const { name, options } of classes(1)) {
    const { url, log } = await logged(t, { ...options, tls: { ...certificate() } });
    for (const path of ['/', '/bytes?n=40000', '/chunks']) await get(`${url}${path}`, certificate().cert);
    const client = await RawClient.secure(t, url, certificate().cert);
    await client.send('nonsense\r\n\r\n').all();
    const lines = [
      'GET / HTTP/1.1 200 5',
      'GET /bytes?n=40000 HTTP/1.1 200 40000',
      'GET /chunks HTTP/1.1 200 35',
      '- 400 0',
    ];
    assert.deepEqual(await log.short(4), lines, name);
  }
});

for (const { name, options } of classes(1)) {
  // An object with one more property is an object of another kind, which costs a short request more than its log line
  // does.
  test(`access_log: with it, and with slow reports, connections and requests have the properties that they have without, ${name}`, async (t) => {
    const told = async (more: HostOptions): Promise<string> => {
      // A handle has a note of what has been read ahead, which is a matter of timing: so the fast turn is off.
      const env = { PREFORK_FAST_TURN: 'off' };
      const host = new Host(t, { app: fixture('own-keys.js'), workers: 1, ...options, ...more }, { env });
      return (await get(`${await host.ready()}/`)).body;
    };
    const without = await told({});
    assert.match(without, /_events/);
    assert.equal(await told({ accessLog: new LogFile(t).path, slowAfter: 1_000 }), without);
  });
}

test('access_log: streams of HTTP/2', { skip: noCertificates }, async (t) => {
  const log = new LogFile(t);
  const host = http2Host(t, { app: fixture('logged.js#serve'), accessLog: log.path });
  const session = await connect(t, await host.ready());
  for (const path of ['/', '/bytes?n=100000', '/chunks', '/nothing', '/throws']) await answerOf(request(session, path));
  assert.deepEqual(await log.short(5), [
    'GET / HTTP/2.0 200 5',
    'GET /bytes?n=100000 HTTP/2.0 200 100000',
    'GET /chunks HTTP/2.0 200 20',
    'GET /nothing HTTP/2.0 204 0',
    'GET /throws HTTP/2.0 500 22',
  ]);
  const never = session.request({ ':path': '/never' });
  await host.event('worker:message');
  never.close(8);
  assert.equal((await log.short(6))[5], 'GET /never HTTP/2.0 499 0');
});

test('access_log: the host that a client of HTTP/2 asks for', { skip: noCertificates }, async (t) => {
  const log = new LogFile(t);
  const format = '%({host}i)s %({x-other}i)s';
  const host = http2Host(t, { app: fixture('logged.js#serve'), accessLog: log.path, accessLogFormat: format });
  const url = await host.ready();
  const session = await connect(t, url);
  await answerOf(request(session, '/'));
  await answerOf(session.request({ ':path': '/', host: 'shop.example' }));
  await eventually(() => log.texts().length === 2, 'the lines');
  assert.deepEqual(log.texts(), [`${new URL(url).host} -`, 'shop.example -']);
});
