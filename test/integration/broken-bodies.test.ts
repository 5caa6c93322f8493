/*
 * A body that breaks the rules while its handler reads it, or behind an answer: the client is told once, and the
 * handler too.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { BuiltInClass } from 'prefork';
import { answersIn } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { atRest, CLASSES, KEEPING, single } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { StubbornClient } from '../helpers/stubborn-client.js';

keepHosts();

const ALL = '/all?n=a&byte=120&tells=1';
const REFUSED = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n';
/** More bytes than the buffers of the system hold. */
const BEHIND = 'y'.repeat(900_000);

function start(t: TestContext, workerClass: BuiltInClass, more: HostOptions = {}): Host {
  const options = { workerConnections: 100, app: fixture('takes-uploads.js'), keepAlive: 60_000 };
  return new Host(t, { ...single(workerClass), ...options, ...more });
}

const head = (path: string, lines: string): string => `POST ${path} HTTP/1.1\r\nHost: test\r\n${lines}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** Whether the handler has been called when the body breaks, or the worker still waits for the body. */
const WAYS: Readonly<Record<string, HostOptions>> = { 'under way': { requestBuffer: 0 }, 'not called yet': {} };

for (const workerClass of CLASSES) {
  for (const [way, options] of Object.entries(workerClass === 'async' ? { 'under way': {} } : WAYS)) {
    const isCalled = way === 'under way';
    for (const secure of [false, true]) {
      const how = `${secure ? ', with TLS' : ''}, ${workerClass}`;
      const skip = secure && noCertificates;
      test(`broken bodies: the answer arrives, and a handler that is ${way} learns of it${how}`, {
        skip,
      }, async (t) => {
        const pair = secure ? certificate() : undefined;
        const host = start(t, workerClass, { ...options, ...(pair && { tls: { ...pair } }) });
        const url = await host.ready();
        const told = (): unknown[] => host.of('worker:message').map(({ args }) => args[1]);
        for (let count = 0; count < 20; count++) {
          const client = await StubbornClient.connect(url, pair?.cert);
          await client.send(`${head(ALL, CHUNKED)}5\r\nxxxxx\r\n`);
          if (isCalled) await host.until(() => told().length === 2 * count + 1, 'the call of its handler');
          // The client does not read before it has sent everything.
          await client.send(`no chunk\r\n${BEHIND}`);
          await client.read().until(() => false);
          await client.finish().over();
          assert.deepEqual([client.received, client.error], [REFUSED, undefined]);
        }
        await atRest(host);
        const each = ['called', { name: 'a', destroyed: true }];
        // The last message of a handler may arrive after `atRest`, since it comes by another way.
        if (isCalled) await host.until(() => told().length >= 20 * each.length, 'the last word of each handler');
        assert.deepEqual(told(), isCalled ? Array(20).fill(each).flat() : []);
        assert.equal((await get(`${url}/last`, pair?.cert)).status, 200);
        assert.equal((await host.stats()).totals.errors, 0);
      });
    }
  }
}

for (const workerClass of KEEPING) {
  test(`broken bodies: behind the answer there is no other one, ${workerClass}`, async (t) => {
    const host = start(t, workerClass, workerClass === 'async' ? {} : { requestBuffer: 0 });
    const url = await host.ready();
    for (const rest of [`no chunk\r\n${BEHIND}`, '']) {
      const client = (await StubbornClient.connect(url)).read();
      await client.send(`${head('/now?n=a&byte=120', CHUNKED)}5\r\nxxxxx\r\n`);
      await client.until((received) => received.endsWith('\n'));
      // A body that ends in the middle of a chunk is broken too.
      if (rest === '') client.finish();
      else await client.send(rest);
      await client.until(() => false);
      await client.finish().over();
      assert.deepEqual(
        answersIn(client.received).map(({ status }) => status),
        [413],
      );
      assert.equal(client.error, undefined);
    }
    await atRest(host);
  });

  test(`broken bodies: an answer that is on its way is whole, whatever comes behind its request, ${workerClass}`, async (t) => {
    const host = start(t, workerClass);
    const url = await host.ready();
    const length = 12_000_000;
    const client = await StubbornClient.connect(url);
    await client.send(`${head(`/all?n=a&byte=120&length=${length}`, 'Content-Length: 1\r\n')}x`);
    // The client reads until the answer has begun.
    await client.read().until((received) => received !== '');
    await client.stopReading().send(`no request\r\n\r\n${BEHIND}`);
    await client.read().until(() => false);
    await client.finish().over();
    const [{ status, body } = { status: 0, body: '' }, second] = answersIn(client.received);
    assert.deepEqual([status, body.length, second, client.error], [200, length, undefined, undefined]);
    await atRest(host);
  });
}

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`broken bodies: who is given up for the others' sake hears of it, though it goes on to send, ${workerClass}`, async (t) => {
    const host = start(t, workerClass, { requestBuffer: 1_000 });
    const url = await host.ready();
    const slow = head('/all?n=a&byte=120', 'Content-Length: 900\r\n') + 'x'.repeat(890);
    const first = await StubbornClient.connect(url);
    await first.send(slow);
    await get(`${url}/ok`);
    // The limit for all bodies together is 64 times the limit of one.
    const others: StubbornClient[] = [];
    while (host.of('worker:warning').length === 0) {
      const client = await StubbornClient.connect(url);
      others.push(client);
      await client.send(slow);
      await get(`${url}/ok`);
    }
    await first.send(`xxxxxxxxxx${BEHIND}`);
    await first.read().until(() => false);
    await first.finish().over();
    assert.deepEqual([answersIn(first.received).map(({ status }) => status), first.error], [[408], undefined]);
    for (const client of others) client.leave();
    await atRest(host);
  });
}
