/* Each worker takes a TLS ticket of any other, as long as the certificate is the same. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import tls from 'node:tls';
import { Arbiter, type TlsSettings } from 'prefork';
import type { Address } from '../helpers/address.js';
import { amount } from '../helpers/amount.js';
import { CertificateFiles, certificate, noCertificates } from '../helpers/certificate.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { passing } from '../helpers/passing.js';
import { temporaryFolder } from '../helpers/place.js';
import { hostSource, Releases } from '../helpers/releases.js';
import { assertMost, chain, chains, ofEach, offer, offers, VERSIONS, visit } from '../helpers/tickets.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const needed = { skip: noCertificates };
/** The smallest number at which a ticket can reach another worker than the one that gave it. */
const WORKERS = 2;
/** Visits with each TLS version, on the same host: the keys are what the versions have in common. */
const VISITS = amount({ suite: 25, long: 100 });
const FEW = 10;

const LONG = 2 ** 31 - 1;

for (const { name, options } of classes()) {
  test(`tickets_any_worker: ${name}, ${VERSIONS.join(' and ')}, also right after a reload`, needed, async (t) => {
    const host = new Host(t, { ...options, workers: WORKERS, tls: certificate() });
    const url = await host.ready();
    const before = await chains(url, VISITS);
    assertMost(before.resumed, VISITS, 'before');
    assert.ok(before.workers.size > 1, 'several workers have served');
    await host.call('reload');
    // Only the first ticket of a chain is from before the reload.
    assert.deepEqual(await offers(url, before.tickets, FEW), ofEach(FEW), 'tickets of before the reload');
    const after = await chains(url, VISITS, before.tickets);
    assertMost(after.resumed, VISITS, 'after the reload');
    assert.deepEqual(
      [...after.workers].filter((pid) => before.workers.has(pid)),
      [],
    );
  });
}

test('tickets_any_worker: of a release in another folder, whose host brings the application', needed, async (t) => {
  const releases = new Releases(t);
  releases.release('1', hostSource('1'), 'server.mjs');
  const options = { app: undefined, workers: WORKERS, workerClass: 'async', tls: certificate() };
  const host = new Host(t, options, { script: join(releases.current, 'server.mjs') });
  const url = await host.ready();
  const before = await chain(url, 'TLSv1.3', FEW);
  releases.release('2', hostSource('2'), 'server.mjs');
  await host.call('reload');
  const after = await chain(url, 'TLSv1.3', FEW, before.session);
  assert.deepEqual([before.resumed, after.resumed], [FEW, FEW]);
  for (const [seen, version] of [
    [before, 1],
    [after, 2],
  ] as const)
    for (const body of seen.workers) assert.match(body, new RegExp(` ${version}$`));
});

/** An HTTP/2 connection with one request; returns the offered ticket if the server gives no new one. */
async function visitHttp2(url: string, offered?: Buffer): Promise<{ resumed: boolean; session: Buffer | undefined }> {
  const { hostname, port } = new URL(url);
  const socket = tls.connect({
    ...{ host: hostname, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] },
    ...(offered && { session: offered }),
  });
  let session = offered;
  socket.on('session', (given: Buffer) => {
    session = given;
  });
  await inTime(new Promise((resolve) => socket.once('secureConnect', resolve)), 'a handshake');
  const resumed = socket.isSessionReused();
  const client = http2.connect(url, { createConnection: () => socket });
  const stream = client.request({ ':path': '/pid' });
  const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject).resume());
  await inTime(ended, 'an answer over HTTP/2');
  client.destroy();
  return { resumed, session };
}

test('tickets_any_worker: HTTP/2', needed, async (t) => {
  const tlsOptions = { workerClass: 'async', http2: true, tls: certificate() } as const;
  const host = new Host(t, { ...tlsOptions, workers: WORKERS });
  const url = await host.ready();
  let { session } = await visitHttp2(url);
  const visits = 2 * VISITS;
  let resumed = 0;
  for (let count = 0; count < visits; count++) {
    const seen = await visitHttp2(url, session);
    if (seen.resumed) resumed++;
    session = seen.session;
  }
  assertMost([resumed], visits, 'HTTP/2');
});

test('tickets_any_worker: of a server that the application exports', needed, async (t) => {
  const host = new Host(t, {
    ...{ workers: WORKERS, workerClass: 'async', tls: certificate(), app: fixture('exported-server.js') },
  });
  const url = await host.ready();
  let { session } = await visit(url, 'TLSv1.3', undefined, '/');
  for (let count = 0; count < FEW; count++) {
    const seen = await visit(url, 'TLSv1.3', session, '/');
    assert.ok(seen.resumed, `visit ${count}`);
    session = seen.session;
  }
});

test(
  `tickets_of_a_certificate: another one, and one that is rolled back, ${VERSIONS.join(' and ')}`,
  needed,
  async (t) => {
    const files = new CertificateFiles(t);
    const broken = join(temporaryFolder(t), 'broken');
    const options: HostOptions = { workers: WORKERS, app: fixture('broken-while.js'), env: { BROKEN: broken } };
    const { arbiter, url } = await serve(t, { key: files.key, cert: files.cert }, options);
    const first = await chains(url, FEW);
    assert.deepEqual(first.resumed, ofEach(FEW));

    // The workers of the old certificate serve on, with their keys.
    files.write(certificate(1));
    writeFileSync(broken, '');
    await assert.rejects(arbiter.reload(), { code: 'ERR_RELOAD_FAILED' });
    const kept = await chains(url, FEW, first.tickets);
    assert.deepEqual(kept.resumed, ofEach(FEW), 'after the rollback');
    rmSync(broken);

    // A visit throws where a handshake fails.
    await arbiter.reload();
    assert.deepEqual(await offers(url, kept.tickets, FEW), ofEach(0), 'with the other certificate');
    const second = await chains(url, FEW);
    assert.deepEqual(second.resumed, ofEach(FEW), 'tickets of the other certificate');
    files.write(certificate());
    await arbiter.reload();
    assert.deepEqual(await offers(url, second.tickets, FEW), ofEach(0), 'with the first certificate again');
    assert.deepEqual(await offers(url, kept.tickets, FEW), ofEach(0), 'tickets of the first keys');
  },
);

const ROTATION = 2_000;

for (const { name, options } of classes()) {
  test(`tickets_renewed: all workers at about the same time, ${name}`, needed, async (t) => {
    const host = new Host(t, { ...options, workers: WORKERS, tls: certificate(), ticketKeyRotation: ROTATION });
    const url = await host.ready();
    let { session } = await chain(url, 'TLSv1.3', 1);
    for (let renewal = 0; renewal < 2; renewal++) {
      const old = session;
      // The keys are renewed within that time. Visits to the workers meanwhile would prove nothing.
      await passing(host, ROTATION);
      // For a moment, one worker takes a ticket that another one does not.
      const refused = async (count: number): Promise<boolean> => (await offer(url, 'TLSv1.3', old, count)) === 0;
      await eventually(async () => (await refused(1)) && (await refused(FEW)), 'the end of the old tickets');
      await eventually(async () => {
        const seen = await chain(url, 'TLSv1.3', FEW);
        session = seen.session;
        return seen.resumed === FEW && seen.workers.size > 1;
      }, 'tickets of the new keys that all workers take');
    }
    assert.deepEqual(host.of('worker:exit'), []);
  });
}

/** An Arbiter of this process with these settings. */
async function serve(
  t: TestContext,
  settings: TlsSettings,
  options: HostOptions = {},
): Promise<{ arbiter: Arbiter; url: string }> {
  const arbiter = new Arbiter({
    ...{ app: fixture('app.js'), workers: WORKERS, bind: '127.0.0.1:0', signals: false, logger: false, surge: '100%' },
    ...{ ...(options as object), tls: settings },
  });
  t.after(() => arbiter.stop({ graceful: false }));
  await arbiter.start();
  const { port } = arbiter.addresses[0] as Exclude<Address, string>;
  return { arbiter, url: `https://127.0.0.1:${port}` };
}

test(
  `tickets_of_own_keys: two masters take each other's, and no reload changes that, ${VERSIONS.join(' and ')}`,
  needed,
  async (t) => {
    const ticketKeys = randomBytes(48);
    const files = new CertificateFiles(t);
    const settings = { key: files.key, cert: files.cert };
    const own = await serve(t, { ...settings, ticketKeys });
    const same = await serve(t, { ...settings, ticketKeys }, { workers: 1 });
    const other = await serve(t, settings, { workers: 1 });
    const { tickets } = await chains(own.url, 1);
    assert.deepEqual(await offers(same.url, tickets, FEW), ofEach(FEW));
    assert.deepEqual(await offers(other.url, tickets, FEW), ofEach(0));
    await own.arbiter.reload();
    assert.deepEqual(await offers(own.url, tickets, FEW), ofEach(FEW));
    assert.equal(ticketKeys.equals(Buffer.alloc(48)), false, 'the keys of the user are left alone');
  },
);

test('tickets_switched_off: nothing is resumed, and everything is served', needed, async (t) => {
  const { SSL_OP_NO_TICKET } = (await import('node:crypto')).constants;
  const host = new Host(t, {
    ...{ workers: WORKERS, tls: { ...certificate(), secureOptions: SSL_OP_NO_TICKET }, ticketKeyRotation: LONG },
  });
  const url = await host.ready();
  assert.deepEqual((await chains(url, FEW)).resumed, ofEach(0));
});
