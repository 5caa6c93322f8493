/*
 * Connections of trusted proxies begin with a header that names the client. All see that client, and nobody else can
 * name one.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import tls from 'node:tls';
import { LogFile } from '../helpers/access-log.js';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { answerOf, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { addresses, binary, binaryOf, LOCAL, lineOf } from '../helpers/proxy-header.js';
import { sharing } from '../helpers/shared.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const app = fixture('says-its-peer.js');
/** The proxy is at 127.0.0.1. All other addresses of the loopback belong to ordinary clients. */
const TRUST: HostOptions = { app, workers: 1, trustProxy: '127.0.0.1', proxyProtocol: true };
const skipTls = noCertificates;

const head = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`;
const body = (received: string): string => answersIn(received)[0]?.body ?? received;

function start(t: TestContext, more: HostOptions = {}, settings: HostSettings = {}): Promise<Host> {
  return sharing(t, { ...TRUST, ...more }, settings);
}

/** Headers, and what the application says of their clients. */
const HEADERS: readonly (readonly [header: Buffer, says: string])[] = [
  [lineOf('192.0.2.9', 4_711), '192.0.2.9 4711 IPv4'],
  [lineOf('2001:db8:0::17', 4_711), '2001:db8::17 4711 IPv6'],
  [binaryOf('192.0.2.9', 4_711, Buffer.alloc(2_000)), '192.0.2.9 4711 IPv4'],
];

for (const { name, options } of classes(1)) {
  for (const turn of ['force', 'off']) {
    test(`a header names the client, in whatever pieces it comes: ${name}, ${turn}`, async (t) => {
      const host = await start(t, options, { env: { PREFORK_FAST_TURN: turn } });
      const url = await host.ready();
      for (const [header, says] of HEADERS) {
        const upload = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`;
        const whole = header.toString('latin1') + upload;
        for (const cut of [whole.length, header.length, header.length + 30, 1, 14]) {
          const client = (await ByteClient.connect(url)).send(whole.slice(0, cut));
          await turns();
          client.send(whole.slice(cut));
          assert.equal(body(await client.all()), `${says} 100000 /`, `${cut}`);
        }
        const client = await ByteClient.connect(url);
        await client.drip(header.toString('latin1') + head('/'), header.length > 200 ? 100 : 1);
        assert.equal(body(await client.all()), `${says} 0 /`);
      }
    });
  }

  test(`behind a header there is TLS: ${name}`, { skip: skipTls }, async (t) => {
    const host = await start(t, { ...options, tls: { ...certificate() }, http2: name === 'async' });
    const url = await host.ready();
    for (const [header, says] of HEADERS) {
      for (const together of [true, false]) {
        const secure = await secureBehind(host, header, together);
        secure.write(head('/'));
        assert.equal(body(await textOf(secure)), `${says} 0 /`, `${together}`);
      }
    }
    // A proxy that speaks for itself is the client.
    const own = await secureBehind(host, binary(LOCAL, 0, Buffer.alloc(0)), true);
    own.write(head('/'));
    assert.match(body(await textOf(own)), /^127\.0\.0\.1 \d+ IPv4 0 \/$/);
    if (name !== 'async') return;
    const session = http2.connect(url, {
      createConnection: () =>
        tls.connect({ socket: behind(url, HEADERS[2]?.[0] as Buffer), ...TO, ALPNProtocols: ['h2'] }),
    });
    t.after(() => session.destroy());
    const answer = await answerOf(request(session, '/h2'));
    assert.deepEqual(answer, { status: 200, body: '192.0.2.9 4711 IPv4 0 /h2' });
  });

  test(`whoever is no proxy names nobody, and needs no header: ${name}`, async (t) => {
    const host = await start(t, options);
    const url = await host.ready();
    const stranger = await ByteClient.connect(url, '127.0.0.2');
    assert.match(body(await stranger.send(head('/')).all()), /^127\.0\.0\.2 \d+ IPv4 0 \/$/);
    for (const [header] of HEADERS) {
      const spoofing = await ByteClient.connect(url, '127.0.0.2');
      const [answer] = answersIn(await spoofing.send(Buffer.concat([header, Buffer.from(head('/'))])).all());
      assert.equal(answer?.status, 400);
    }
    // A second header is not read as one.
    const twice = (await ByteClient.connect(url)).send(Buffer.concat([lineOf('192.0.2.9', 1), lineOf('192.0.2.1', 2)]));
    assert.equal(answersIn(await twice.send(head('/')).all())[0]?.status, 400);
  });

  test(`a proxy that brings no right header is sent away without an answer: ${name}`, async (t) => {
    const host = new Host(t, { ...TRUST, ...options });
    const url = await host.ready();
    for (const bytes of [
      head('/'),
      'PROXY TCP4 a b 1 1\r\n',
      `PROXY ${'x'.repeat(200)}`,
      '\r\n\r\n\0\r\nQUIT\n\x41\x11\0\x0c',
    ]) {
      const client = (await ByteClient.connect(url)).send(bytes);
      assert.equal(await client.all(), '', bytes);
    }
    const half = (await ByteClient.connect(url)).send('PROXY TCP4 1.1').finish();
    assert.equal(await half.all(), '');
    const [, warning] = await host.event('worker:warning', (_, { code }) => code === 'proxy-protocol');
    assert.match(
      warning.message,
      /^a connection of 127\.0\.0\.1 without a right PROXY header was closed: it begins with /,
    );
    // A client that only checks whether somebody listens, or leaves in the middle of its header, does no harm.
    assert.equal(await (await ByteClient.connect(url)).finish().all(), '');
    (await ByteClient.connect(url)).reset();
    (await ByteClient.connect(url)).send('PROXY ').reset();
    assert.equal(
      body(
        await (await ByteClient.connect(url))
          .send(Buffer.concat([lineOf('192.0.2.9', 1), Buffer.from(head('/'))]))
          .all(),
      ),
      '192.0.2.9 1 IPv4 0 /',
    );
    assert.equal(host.of('worker:exit').length, 0);
  });

  test(`a proxy that says nothing holds nobody up, and has to go: ${name}`, async (t) => {
    const host = new Host(t, { ...TRUST, ...options, headersTimeout: 1_000 });
    const url = await host.ready();
    const silent = await Promise.all(
      ['', 'PROXY ', '\r\n\r\n\0\r\nQUIT\n\x21\x11'].map(async (text) => (await ByteClient.connect(url)).send(text)),
    );
    // One client that is no proxy is enough here.
    const stranger = await ByteClient.connect(url, '127.0.0.2');
    assert.match(body(await stranger.send(head('/')).all()), /^127\.0\.0\.2 /);
    for (const client of silent) assert.equal(await client.all(), '');
    const [, warning] = await host.event('worker:warning', (_, { code }) => code === 'proxy-protocol');
    assert.match(warning.message, /: it did not come in time$/);
    assert.deepEqual(silent.map(({ end }) => end).includes('left'), false);
  });

  test(`where connections are short, one that waits for its header gives way: ${name}`, async (t) => {
    const host = new Host(t, { ...TRUST, ...options, workerConnections: 2, headersTimeout: 60_000 });
    const url = await host.ready();
    const silent: ByteClient[] = [];
    for (let count = 0; count < 2; count++) silent.push((await ByteClient.connect(url)).send('PROXY '));
    for (let count = 0; count < 3; count++) {
      const client = (await ByteClient.connect(url)).send(
        Buffer.concat([lineOf('192.0.2.9', 1), Buffer.from(head('/'))]),
      );
      assert.equal(body(await client.all()), '192.0.2.9 1 IPv4 0 /');
    }
    assert.equal(host.of('worker:exit').length, 0);
  });

  test(`a stop does not wait for headers: ${name}`, async (t) => {
    const host = new Host(t, { ...TRUST, ...options, gracefulTimeout: 20_000, headersTimeout: 1_000 });
    const client = (await ByteClient.connect(await host.ready())).send('PROXY ');
    await host.call('stop');
    assert.equal(await client.all(), '');
    assert.equal(host.of('worker:kill').length, 0);
  });
}

test('the access log and reports name the client of the header, and trust goes on from there', async (t) => {
  const log = new LogFile(t);
  const options = {
    accessLog: { path: log.path, format: '%(h)s %(U)s' },
    trustProxy: ['127.0.0.1', '10.0.0.0/8'],
    timeout: 1_000,
  };
  const host = new Host(t, { ...TRUST, ...options });
  const url = await host.ready();
  const ask = async (header: Buffer, path: string): Promise<unknown> =>
    (await ByteClient.connect(url))
      .send(Buffer.concat([header, Buffer.from(head(path, 'X-Forwarded-For: 203.0.113.7\r\n'))]))
      .all();
  await ask(lineOf('192.0.2.9', 1), '/a');
  await ask(binary(1, 0x11, addresses(Buffer.from([10, 1, 2, 3]), 1)), '/b');
  await ask(Buffer.from('PROXY UNKNOWN\r\n'), '/c');
  await ask(binary(1, 0x31, Buffer.alloc(216)), '/d');
  await ask(lineOf('192.0.2.9', 1), '/never');
  await eventually(() => log.texts().length === 5, 'five lines');
  const expected = ['192.0.2.9 /a', '203.0.113.7 /b', '203.0.113.7 /c', 'unix: /d', '192.0.2.9 /never'];
  assert.deepEqual(log.texts(), expected);
  const [, { request: seen }] = await host.event('worker:timeout');
  assert.equal(seen.remoteAddress, '192.0.2.9');
});

for (const { name, options } of classes(1)) {
  test(`who is answered 504 in the place of a thread that hangs is the client of the header: ${name}`, async (t) => {
    const log = new LogFile(t);
    const accessLog = { path: log.path, format: '%(h)s %(U)s %(s)s' };
    const host = new Host(t, { ...TRUST, ...options, accessLog, timeout: 1_000 });
    const client = await ByteClient.connect(await host.ready());
    const answer = client.send(Buffer.concat([lineOf('192.0.2.9', 1), Buffer.from(head('/spins'))])).all();
    const [, { request: seen, hung }] = await host.event('worker:timeout');
    assert.deepEqual([seen.url, seen.remoteAddress, hung], ['/spins', '192.0.2.9', 'javascript']);
    assert.match(await answer, /^HTTP\/1\.1 504 /);
    await eventually(() => log.texts().length === 1, 'a line');
    assert.deepEqual(log.texts(), ['192.0.2.9 /spins 504']);
  });
}

test('proxies on a Unix socket', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const host = new Host(t, { ...TRUST, bind: `unix:${path}`, trustProxy: 'unix' });
  await host.event('ready');
  for (const [header, says] of HEADERS) {
    const socket = connect(path);
    socket.write(Buffer.concat([header, Buffer.from(head('/'))]));
    assert.equal(body(await textOf(socket)), `${says} 0 /`);
  }
  assert.equal(
    await textOf(
      connect(path)
        .on('error', () => undefined)
        .end(head('/')),
    ),
    '',
  );
});

const noHaproxy = spawnSync('haproxy', ['-v']).error !== undefined && 'haproxy is not installed';

for (const send of ['send-proxy', 'send-proxy-v2']) {
  for (const secure of [false, true]) {
    const name = `behind a real HAProxy, ${send}${secure ? ', with TLS' : ''}`;
    test(name, { skip: noHaproxy || (secure && skipTls) }, async (t) => {
      const log = new LogFile(t);
      const more = secure && { tls: { ...certificate() } };
      const host = new Host(t, { ...TRUST, ...more, workerClass: 'async', accessLog: log.path });
      const { host: to } = new URL(await host.ready());
      const [file, port] = [join(temporaryFolder(t), 'conf'), await freePort(t)];
      writeFileSync(
        file,
        `defaults\n  mode http\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s
listen proxy\n  bind 127.0.0.1:${port}\n  server prefork ${to} ${send} check inter 100ms${secure ? ' ssl verify none check-ssl' : ''}\n`,
      );
      const program = new Program(t, 'haproxy', ['-db', '-f', file]);
      const url = `http://127.0.0.1:${port}`;
      const connects = (): Promise<boolean> =>
        ByteClient.connect(url).then(
          (client) => {
            client.reset();
            return true;
          },
          () => false,
        );
      await eventually(connects, () => `HAProxy\n${program.output}`);
      for (const from of ['127.0.0.5', '127.0.0.6', '127.0.0.5']) {
        const client = await ByteClient.connect(url, from);
        const received = await client.send(head('/', 'X-Forwarded-For: 203.0.113.7\r\n')).all();
        assert.match(body(received), new RegExp(`^${from.replaceAll('.', '\\.')} \\d+ IPv4 0 /$`), program.output);
      }
      await log.short(3);
      assert.deepEqual(
        log.lines().map(({ client }) => client),
        ['127.0.0.5', '127.0.0.6', '127.0.0.5'],
      );
      // HAProxy has made its health checks meanwhile.
      assert.deepEqual(host.of('worker:warning'), []);
    });
  }
}

const TO = { ca: noCertificates ? '' : certificate().cert, servername: 'localhost' };

/** Waits for some turns of the loop, so that the server most likely reads each piece by itself. */
async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) await new Promise(setImmediate);
}

/** Opens a connection and sends a header. */
function behind(url: string, header: Buffer): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setNoDelay();
  socket.write(header);
  return socket;
}

/**
 * The same with TLS. Its first bytes are there together with the header, or come when the server has read the header.
 */
async function secureBehind(host: Host, header: Buffer, together: boolean): Promise<tls.TLSSocket> {
  const [worker] = await host.workers();
  const socket = behind(await host.ready(), Buffer.alloc(0));
  await once(socket, 'connect');
  await turns();
  if (together) process.kill(worker?.pid as number, 'SIGSTOP');
  socket.write(header);
  if (!together) await turns();
  const secure = tls.connect({ socket, ...TO });
  const isSecure = once(secure, 'secureConnect');
  await turns();
  if (together) process.kill(worker?.pid as number, 'SIGCONT');
  await inTime(isSecure, 'a handshake');
  return secure;
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await inTime(new Promise((resolve) => socket.once('close', resolve)), 'the end of a connection');
  return text;
}
