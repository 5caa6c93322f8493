import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import tls from 'node:tls';
import { Arbiter, type ArbiterError, type TlsSettings } from 'prefork';
import type { Address } from '../helpers/address.js';
import { CertificateFiles, certificate, noCertificates } from '../helpers/certificate.js';
import { CLASSES, KEEPING, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { pace } from '../helpers/pace.js';
import { counting } from '../helpers/shared.js';
import { inTime } from '../helpers/wait.js';

keepHosts();

const needed = { skip: noCertificates };
const statuses = (received: string): string[] => received.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];

for (const workerClass of CLASSES) {
  test(`tls_and_http2: ${workerClass}`, needed, async (t) => {
    const { key, cert } = certificate();
    const host = await counting(t, { ...single(workerClass), tls: { key, cert } });
    const url = await host.ready();
    assert.equal((await get(url, cert)).body, 'hello');
    const client = await RawClient.secure(t, url, cert);
    client.get('/');
    await client.until((received) => received.endsWith('hello'), 'an answer');
    if (workerClass === 'sync') {
      assert.match(await client.all(), /\r\nConnection: close\r\n/);
      await host.finished(2);
      return;
    }
    client.get('/');
    await client.until((received) => received.split('hello').length === 3, 'a second answer on the same connection');
    assert.doesNotMatch(client.received, /connection: close/i);
    await host.finished(3);
  });

  test(`tls_and_http2: failures, ${workerClass}`, needed, async (t) => {
    const { key, cert } = certificate();
    const host = new Host(t, { ...single(workerClass), tls: { key, cert }, app: fixture('failing.js') });
    const url = await host.ready();
    for (const path of ['/throws', '/uncaught', '/rejects']) {
      const { status, body } = await get(`${url}${path}`, cert);
      assert.deepEqual([status, body], [500, 'Internal Server Error\n'], path);
    }
    const client = (await RawClient.secure(t, url, cert)).get('/rejects-halfway');
    assert.match(await client.all(), /\r\n4\r\nhalf\r\n$/);
    assert.equal((await get(url, cert)).status, 200);
    const [, error] = await host.event('worker:error');
    assert.equal(error.message, 'it was uncaught');
    assert.equal(host.of('worker:error').length, 1);
  });

  test(`tls_and_http2: bytes that are no handshake, ${workerClass}`, needed, async (t) => {
    const { key, cert } = certificate();
    const host = await counting(t, { ...single(workerClass), tls: { key, cert } });
    const url = await host.ready();
    const plain = (await RawClient.connect(t, url)).get('/');
    assert.doesNotMatch(await plain.all(), /HTTP\/1\.1 2/);
    const abroad = (await RawClient.connect(t, url)).send('\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff');
    await abroad.all();
    assert.equal((await get(url, cert)).body, 'hello');
    await host.finished(1);
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
  });
}

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`silent_connection_takes_no_slot: with TLS, ${workerClass}`, needed, async (t) => {
    const { key, cert } = certificate();
    const host = await counting(t, { ...single(workerClass), tls: { key, cert } });
    const url = await host.ready();
    const silent: RawClient[] = [];
    while (silent.length < 20) silent.push(await RawClient.connect(t, url));
    // These clients have completed the handshake, and say nothing after it.
    const secure: RawClient[] = [];
    while (secure.length < 5) secure.push(await RawClient.secure(t, url, cert));
    assert.equal((await get(url, cert)).body, 'hello');
    assert.deepEqual(
      [...silent, ...secure].filter(({ closed }) => closed),
      [],
    );
    for (const client of secure) {
      client.send('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
      assert.match(await client.all(), /^HTTP\/1\.1 200 OK\r\n/);
    }
    await host.finished(6);
  });
}

for (const workerClass of CLASSES) {
  test(`term_drains: with TLS, ${workerClass}`, needed, async (t) => {
    const { key, cert } = certificate();
    const gate = await Gate.open(t);
    const options = { ...single(workerClass), tls: { key, cert }, app: fixture('gated.js'), env: gate.env };
    const limits = { workerConnections: 10, keepAlive: 100, gracefulTimeout: 2 ** 31 - 1 };
    // A drain leaves silent clients some time; this test claims nothing about that.
    const host = new Host(t, { ...options, ...limits }, { env: pace({ firstRequest: 1_000 }) });
    const url = await host.ready();
    const silent = [await RawClient.connect(t, url), await RawClient.secure(t, url, cert)];
    const { arrival, answer } = await gate.hold(`${url}/held`, cert);
    const stopped = host.call('stop');
    await host.event('stop');
    await arrival.settle();
    arrival.release();
    assert.deepEqual([(await answer).status, (await answer).headers.connection], [200, 'close']);
    await stopped;
    for (const client of silent) assert.equal(await client.all(), '');
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
  });
}

/** An Arbiter of this process with these settings, and where it serves. */
async function serve(t: TestContext, settings: TlsSettings): Promise<{ arbiter: Arbiter; url: string }> {
  const arbiter = new Arbiter({
    app: fixture('app.js'),
    workers: 1,
    bind: '127.0.0.1:0',
    tls: settings,
    signals: false,
  });
  t.after(() => arbiter.stop({ graceful: false }));
  await arbiter.start();
  const { port } = arbiter.addresses[0] as Exclude<Address, string>;
  return { arbiter, url: `https://127.0.0.1:${port}` };
}

const FORMS: Readonly<Record<string, (t: TestContext) => TlsSettings>> = {
  'PEM text': () => certificate(),
  buffers: () => ({ key: Buffer.from(certificate().key), cert: Buffer.from(certificate().cert) }),
  'file URLs': (t) => {
    const { key, cert } = new CertificateFiles(t);
    return { key, cert };
  },
  'lists, a list of certificates and a version': () => ({
    key: [{ pem: certificate().key }],
    cert: [certificate().cert],
    minVersion: 'TLSv1.3',
  }),
};

for (const [form, settings] of Object.entries(FORMS)) {
  test(`tls_and_http2: key and certificate as ${form}`, needed, async (t) => {
    const { url } = await serve(t, settings(t));
    assert.equal((await get(url, certificate().cert)).body, 'hello');
    // A client that trusts another certificate refuses, so the server shows the one that it was given.
    await assert.rejects(get(url, certificate(1).cert), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });
}

for (const [what, change] of Object.entries({
  'is replaced': (files: CertificateFiles) => files.write(certificate(1)),
  'is gone': ({ key }: CertificateFiles) => rmSync(key),
})) {
  test(
    `tls_and_http2: a worker that replaces another one has its certificate, also when the file ${what}`,
    needed,
    async (t) => {
      const files = new CertificateFiles(t);
      const { arbiter, url } = await serve(t, { key: files.key, cert: files.cert });
      change(files);
      const replaced = new Promise((resolve) => arbiter.once('worker:ready', resolve));
      process.kill(arbiter.workers[0]?.pid as number, 'SIGKILL');
      await inTime(replaced, 'the replacement');
      assert.equal((await get(url, certificate().cert)).body, 'hello');
    },
  );
}

test('tls_and_http2: a reload reads certificates anew', needed, async (t) => {
  const files = new CertificateFiles(t);
  const { arbiter, url } = await serve(t, { key: files.key, cert: files.cert });
  files.write(certificate(1));
  await arbiter.reload();
  assert.equal((await get(url, certificate(1).cert)).body, 'hello');
  writeFileSync(files.key, certificate(2).key);
  await assert.rejects(arbiter.reload(), (error: ArbiterError) => {
    assert.deepEqual([error.code, (error.cause as ArbiterError).code], ['ERR_RELOAD_FAILED', 'ERR_INVALID_OPTION']);
    assert.match(error.message, /^the reload to generation 3 cannot begin: option 'tls': /);
    return true;
  });
  assert.deepEqual([arbiter.state, arbiter.workers.length], ['running', 1]);
  assert.equal((await get(url, certificate(1).cert)).body, 'hello');
  files.write(certificate(2));
  assert.deepEqual(await arbiter.reload(), { generation: 4, replaced: 1 });
  assert.equal((await get(url, certificate(2).cert)).body, 'hello');
});

test(
  'tls_and_http2: who tries a reload again as soon as it cannot begin lets the event loop turn',
  needed,
  async (t) => {
    const files = new CertificateFiles(t);
    const { arbiter } = await serve(t, { key: files.key, cert: files.cert });
    writeFileSync(files.key, certificate(1).key);
    /** For each failure, whether the loop has turned since the one before. */
    const turns: boolean[] = [];
    let turned = true;
    const over = new Promise<void>((resolve) => {
      arbiter.on('rollback', () => {
        turns.push(turned);
        turned = false;
        setImmediate(() => {
          turned = true;
        });
        if (turns.length === 4) resolve();
        else arbiter.reload().catch(() => undefined);
      });
    });
    await assert.rejects(arbiter.reload(), { code: 'ERR_RELOAD_FAILED' });
    await over;
    assert.deepEqual(turns, [true, true, true, true]);
    assert.equal(arbiter.state, 'running');
  },
);

test('tls_and_http2: a key that does not fit is refused before anything starts, and not shown', needed, (t) => {
  const { key, cert } = certificate();
  const files = new CertificateFiles(t);
  writeFileSync(files.key, certificate(1).key);
  const refused: Readonly<Record<string, TlsSettings>> = {
    'another key': { key: certificate(1).key, cert },
    'another key in a file': { key: files.key, cert: files.cert },
    'no key': { key: 'secret words', cert },
    'a buffer that is no key': { key: Buffer.from('secret words'), cert },
    'key and certificate exchanged': { key: cert, cert: key },
    'no certificate': { key },
    'a file that is missing': { key, cert: new URL('./missing.pem', files.cert) },
    'a wrong passphrase': { pfx: Buffer.from('secret words'), passphrase: 'secret words' },
  };
  const body = key.split('\n')[1] as string;
  for (const [what, settings] of Object.entries(refused)) {
    assert.throws(
      () => new Arbiter({ app: './app.js', tls: settings }),
      (error: ArbiterError) => {
        assert.equal(error.code, 'ERR_INVALID_OPTION', what);
        assert.match(error.message, /'tls[.\w]*'/, what);
        assert.ok(
          !error.message.includes(body) && !error.message.includes('secret words'),
          `${what}: ${error.message}`,
        );
        return true;
      },
    );
  }
});

test('tls_and_http2: the private key is in no environment and no command line', needed, async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc');
  const { key, cert } = certificate();
  // The options of this host are in its arguments; no worker is to have them from there.
  for (const workerClass of ['sync', 'threaded']) {
    const host = new Host(t, { workers: 1, workerClass, tls: { key, cert }, app: fixture('tells.js') });
    const url = await host.ready();
    const [worker] = await host.workers();
    const secret = key.split('\n')[1] as string;
    for (const file of ['environ', 'cmdline']) {
      assert.ok(!readFileSync(`/proc/${worker?.pid}/${file}`, 'utf8').includes(secret), `${workerClass}: ${file}`);
    }
    const told = (await get(url, cert)).body;
    assert.ok(!told.includes(secret), `${workerClass}: process.env`);
    assert.match(told, /"pid":/);
  }
});

for (const workerClass of KEEPING) {
  test(`tls_and_http2: pipelined requests, ${workerClass}`, needed, async (t) => {
    const { key, cert } = certificate();
    const host = await counting(t, { ...single(workerClass), tls: { key, cert } });
    const client = await RawClient.secure(t, await host.ready(), cert);
    client.get('/').get('/').get('/');
    await client.until((received) => received.split('hello').length === 4, 'three answers');
    assert.deepEqual(statuses(client.received), ['200', '200', '200']);
    await host.finished(3);
  });
}

test('tls_and_http2: the connection shows the certificate and its version', needed, async (t) => {
  const { url } = await serve(t, { ...certificate(), maxVersion: 'TLSv1.2' });
  const { port } = new URL(url);
  const socket = tls.connect({ port: Number(port), host: '127.0.0.1', ca: certificate().cert });
  t.after(() => socket.destroy());
  await inTime(new Promise((resolve) => socket.once('secureConnect', resolve)), 'the handshake');
  assert.equal(socket.getProtocol(), 'TLSv1.2');
  const shown = new X509Certificate(socket.getPeerCertificate(true).raw);
  assert.equal(shown.fingerprint256, new X509Certificate(certificate().cert).fingerprint256);
});
