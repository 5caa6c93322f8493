/*
 * An answer that comes before the request has been read, and that ends its connection, arrives whatever the client
 * does.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import test, { describe, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { BuiltInClass } from 'prefork';
import { amount } from '../helpers/amount.js';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { atRest, CLASSES, single } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { counting, sharing } from '../helpers/shared.js';
import { upload, uploads } from '../helpers/uploader.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** More than a worker of any class may read of a body before it calls the handler. */
const BYTES = 3_000_000;
/** How many requests each kind of client makes. */
const REQUESTS = amount({ suite: 6, long: 100 });
const LARGE = amount({ suite: 2, long: 30 });
/** How many uploads are sent where they are sent in one way only. */
const SOME = amount({ suite: 4, long: 20 });
const ROUNDS = amount({ suite: 2, long: 5 });
const CLOSE = { Connection: 'close' };
/** So much of a body that the handler is called. */
const ENOUGH = Buffer.alloc(2_000_000, 'x');

const early = (workerClass: BuiltInClass, options: HostOptions = {}): HostOptions => ({
  ...{ ...single(workerClass), workerConnections: 100, app: fixture('early.js') },
  ...options,
});

/** Counts what the requests of a client got. */
async function requests(ask: () => Promise<unknown>): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  let left = REQUESTS;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const result = String(await ask().catch((error) => error.cause?.code ?? error.code ?? error.message));
      seen[result] = (seen[result] ?? 0) + 1;
    }
  };
  await Promise.all([client(), client()]);
  return seen;
}

for (const workerClass of CLASSES) {
  const usual = (t: TestContext): Promise<Host> => sharing(t, early(workerClass));

  test(`early_answers_arrive: ${5 * REQUESTS} of ${5 * REQUESTS}, ${workerClass}`, async (t) => {
    const host = await usual(t);
    const url = await host.ready();
    const file = join(temporaryFolder(t), 'body');
    const body = Buffer.alloc(BYTES);
    writeFileSync(file, body);
    const run = promisify(execFile);
    const options = { method: 'POST', agent: false, headers: { ...CLOSE, 'Content-Length': BYTES } } as const;
    const clients = {
      raw: () =>
        upload({ url, bytes: BYTES, headers: CLOSE }).then(({ received, end }) => `${received.slice(9, 12)} ${end}`),
      thrown: () =>
        upload({ url, path: '/throw', bytes: BYTES, headers: CLOSE }).then(
          ({ received, end }) => `${received.slice(9, 12)} ${end}`,
        ),
      fetch: () =>
        fetch(url, { method: 'POST', body, headers: CLOSE }).then(
          async (response) => `${response.status} ${await response.text()}`,
        ),
      http: () =>
        new Promise<number | undefined>((resolve, reject) => {
          const request = http.request(url, options, (response) => {
            response.resume().on('end', () => resolve(response.statusCode));
            response.on('error', reject);
          });
          request.on('error', reject).end(body);
        }),
      curl: async () =>
        (
          await run('curl', [
            '-s',
            '-o',
            '/dev/null',
            '-w',
            '%{http_code}',
            '-H',
            'Expect:',
            '-H',
            'Connection: close',
            '--data-binary',
            `@${file}`,
            url,
          ])
        ).stdout,
    };
    const seen: Record<string, Record<string, number>> = {};
    for (const [name, ask] of Object.entries(clients)) seen[name] = await requests(ask);
    assert.deepEqual(seen, {
      raw: { '413 FIN': REQUESTS },
      thrown: { '500 FIN': REQUESTS },
      fetch: { '413 refused by the application\n': REQUESTS },
      http: { 413: REQUESTS },
      curl: { 413: REQUESTS },
    });
    await atRest(host);
  });

  test(`early_answers_arrive: ${LARGE} large ones, ${workerClass}`, async (t) => {
    const host = await usual(t);
    const url = await host.ready();
    assert.deepEqual(await uploads(LARGE, { url, bytes: 20_000_000, headers: CLOSE }, 2), { '413 FIN': LARGE });
  });

  test(`early_answers_arrive: with TLS, ${workerClass}`, { skip: noCertificates }, async (t) => {
    const { cert, key } = certificate();
    const host = new Host(t, early(workerClass, { tls: { cert, key } }));
    const url = await host.ready();
    assert.deepEqual(await uploads(REQUESTS, { url, bytes: BYTES, headers: CLOSE, ca: cert }), { '413 FIN': REQUESTS });
    assert.deepEqual(await uploads(SOME, { url, path: '/throw', bytes: BYTES, ca: cert }), { '500 FIN': SOME });
    await atRest(host);
  });

  test(`early_answers_arrive: whoever asked for the close, ${workerClass}`, async (t) => {
    const host = await usual(t);
    const url = await host.ready();
    // HTTP/1.0 ends each connection.
    assert.deepEqual(await uploads(SOME, { url, bytes: BYTES, version: '1.0' }), { '413 FIN': SOME });
    const none = await sharing(t, early(workerClass, { keepAlive: 0 }));
    assert.deepEqual(await uploads(SOME, { url: await none.ready(), bytes: BYTES }), { '413 FIN': SOME });
    await atRest(none);
  });

  for (const path of ['/pause', '/hold']) {
    test(`early_answers_arrive: where the handler has stopped to read, ${path}, ${workerClass}`, async (t) => {
      const host = await usual(t);
      const url = await host.ready();
      assert.deepEqual(await uploads(LARGE, { url, path, bytes: 20_000_000, headers: CLOSE }), { '413 FIN': LARGE });
      await atRest(host);
    });
  }

  test(`early_answers_arrive: the answers that are no handler's, ${workerClass}`, async (t) => {
    const host = await usual(t);
    const url = await host.ready();
    const headers = { ...CLOSE, Expect: 'the impossible' };
    assert.deepEqual(await uploads(SOME, { url, bytes: BYTES, headers }), { '417 FIN': SOME });
    for (let count = 0; count < SOME; count++) {
      const client = (await ByteClient.connect(url)).send('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
      client.send('x'.repeat(BYTES));
      assert.deepEqual(
        answersIn(await client.all()).map(({ status }) => status),
        [501],
      );
      assert.equal(client.end, 'closed');
    }
  });

  test(`early_answers_arrive: a handler may go on reading, ${workerClass}`, async (t) => {
    const host = await usual(t);
    const url = await host.ready();
    const { received, end } = await upload({ url, path: '/reads', bytes: 20_000_000, headers: CLOSE });
    assert.match(received, /^HTTP\/1\.1 202 /);
    assert.equal(end, 'FIN');
    assert.equal((await host.event('worker:message'))[1], 20_000_000);
  });

  test(`early_answers_arrive: nothing more is served on the connection, ${workerClass}`, async (t) => {
    const host = await counting(t, early(workerClass));
    const url = await host.ready();
    const behind =
      'GET /throw HTTP/1.1\r\nHost: test\r\n\r\nGET /ok HTTP/1.1\r\nHost: test\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nno request\r\n\r\n';
    const { received, end } = await upload({ url, bytes: BYTES, headers: CLOSE, behind });
    assert.deepEqual(
      answersIn(received).map(({ status }) => status),
      [413],
    );
    assert.equal(end, 'FIN');
    assert.equal((await get(`${url}/ok`)).status, 200);
    await host.finished(2);
    assert.equal((await host.stats()).totals.errors, 0);
  });

  test(`early_answers_arrive: what an application destroys is broken, ${workerClass}`, async (t) => {
    const host = await usual(t);
    const url = await host.ready();
    const { received } = await upload({ url, path: '/destroy', bytes: 20_000_000 });
    assert.equal(received, '');
    await atRest(host);
  });

  test(`early_answers_arrive: the place is free while the client goes on, ${workerClass}`, async (t) => {
    const host = await usual(t);
    const url = await host.ready();
    const slow = await RawClient.connect(t, url, { allowHalfOpen: true });
    slow.send(`POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${BYTES}\r\n\r\n`).send(ENOUGH);
    await slow.until((received) => received.endsWith('application\n'), 'its answer');
    for (let count = 0; count < 20; count++) {
      slow.send('x');
      assert.equal((await get(`${url}/ok`)).body, 'ok');
    }
    await eventually(async () => (await host.stats()).workers[0]?.connections === 1, 'the one connection that lingers');
    assert.equal(slow.closed, false);
    slow.end();
    await slow.all();
    await atRest(host);
  });

  for (const headers of [{}, CLOSE]) {
    const close = 'Connection' in headers ? ', and the client asked for the close' : '';
    test(`early_answers_arrive: pipelined behind a handler that blocks${close}, ${workerClass}`, async (t) => {
      const host = await sharing(t, early(workerClass, { keepAlive: 0 }));
      const url = await host.ready();
      const behind = 'GET /ok HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(200_000);
      for (let count = 0; count < ROUNDS; count++) {
        const before = host.of('worker:message').length;
        const ready = (): Promise<void> => eventually(() => host.of('worker:message').length > before, 'the handler');
        // The handler blocks until there is something behind its request, however long that takes.
        const file = join(temporaryFolder(t), 'sending');
        const path = `/block/${encodeURIComponent(file)}`;
        const sending = (): void => writeFileSync(file, '');
        const { received, end } = await upload({ url, path, bytes: 0, headers, behind, ready, sending });
        assert.deepEqual([answersIn(received)[0]?.body, end], ['blocked', 'FIN']);
      }
      await atRest(host);
    });
  }

  test(`early_answers_arrive: what comes behind is no request, and none that is wrong, ${workerClass}`, async (t) => {
    const host = await counting(t, early(workerClass));
    const url = await host.ready();
    for (const behind of ['GET /ok HTTP/1.1\r\nHost: test\r\n\r\n', 'no request at all\r\n\r\n']) {
      const order = { url, bytes: BYTES, headers: CLOSE, behind: behind.repeat(200_000) };
      const { received, end } = await upload(order);
      assert.deepEqual(
        answersIn(received).map(({ status }) => status),
        [413],
      );
      assert.equal(end, 'FIN');
    }
    await host.finished(2);
    await atRest(host);
  });
}

/** A client that has its answer, and goes on sending a body that has no end. */
async function startEndless(t: TestContext, url: string): Promise<RawClient> {
  const endless = await RawClient.connect(t, url, { allowHalfOpen: true });
  endless.send(`POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${2 ** 40}\r\n\r\n`).send(ENOUGH);
  await endless.until((received) => received.endsWith('application\n'), 'its answer');
  const sending = setInterval(() => endless.send('x'), 100);
  t.after(() => clearInterval(sending));
  return endless;
}

/** These tests wait until the server's patience ends, and take no CPU for that. */
describe('clients that do not end', { concurrency: 3 }, () => {
  for (const workerClass of CLASSES) {
    test(`early_answers_arrive: a client that does not end is not waited for in a drain, ${workerClass}`, async (t) => {
      const host = new Host(t, early(workerClass, { gracefulTimeout: 2 ** 31 - 1 }));
      const url = await host.ready();
      const endless = await startEndless(t, url);
      await host.call('stop');
      assert.deepEqual((await host.event('worker:exit'))[1], { code: 0, signal: null, reason: 'stop' });
      await endless.all();
    });

    test(`early_answers_arrive: a client that does not end does not have a worker killed, ${workerClass}`, async (t) => {
      const host = new Host(t, early(workerClass, { gracefulTimeout: 2_000 }));
      const url = await host.ready();
      await startEndless(t, url);
      await host.call('stop');
      assert.deepEqual((await host.event('worker:exit'))[1], { code: 0, signal: null, reason: 'stop' });
    });

    test(`early_answers_arrive: a client that stops to send is closed, ${workerClass}`, async (t) => {
      const host = await sharing(t, early(workerClass));
      const url = await host.ready();
      const client = await RawClient.connect(t, url, { allowHalfOpen: true });
      client
        .send(`POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${BYTES}\r\n\r\n`)
        .send(ENOUGH);
      await client.until((received) => received.endsWith('application\n'), 'its answer');
      await eventually(
        async () => (await host.stats()).workers[0]?.connections === 1,
        'the one connection that lingers',
      );
      // The client never ends its side.
      await atRest(host);
    });
  }
});

test('early_answers_arrive: after a crash, those whose bodies are on their way hear of it', async (t) => {
  const host = new Host(t, early('async'));
  const url = await host.ready();
  // More than the system's buffers hold, and little enough to be read in the second that a crash leaves, even on a busy
  // machine.
  const uploading = Array.from({ length: 4 }, () => upload({ url, path: '/wait', bytes: 8_000_000 }));
  await eventually(() => host.of('worker:message').length === 4, 'four requests in flight');
  await get(`${url}/crash`).catch(() => undefined);
  for (const { received, end } of await Promise.all(uploading)) {
    assert.match(received, /^HTTP\/1\.1 500 /);
    assert.equal(end, 'FIN');
  }
});
