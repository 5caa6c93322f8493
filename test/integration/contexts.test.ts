import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { answersIn } from '../helpers/byte-client.js';
import { CLASSES, KEEPING, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, type Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/*
 * A request runs in the async context in which it came, however it waited. It finds no store of another client's
 * request, and keeps its own to the end. HTTP/2 is in contexts-http2.test.ts.
 */

const MODES = ['run', 'enter', 'inherit'] as const;

interface Told {
  readonly url: string;
  /** The store that was there before the request had set one. */
  readonly found?: string;
  /** The store when it was answered. */
  readonly kept?: string;
}

async function start(t: TestContext, options: HostOptions): Promise<{ gate: Gate; host: Host; url: string }> {
  const gate = await Gate.shared(t);
  const host = await sharing(t, { ...options, app: fixture('contexts.js'), env: gate.env });
  return { gate, host, url: await host.ready() };
}

/** Asserts that each request has found no store and kept its own. */
function assertOwn(answers: readonly { readonly body: string }[], count: number): void {
  const told = answers.map(({ body }) => JSON.parse(body) as Told);
  assert.equal(told.length, count);
  for (const { url, found, kept } of told) {
    assert.deepEqual([found, kept], [undefined, new URL(url, 'http://test').searchParams.get('id')], url);
  }
}

/** Releases requests one after the other, until so many have been released. */
async function releaseAll(gate: Gate, count: number): Promise<void> {
  for (let done = 0; done < count; done++) (await gate.next()).release();
}

for (const workerClass of CLASSES) {
  for (const mode of MODES) {
    test(`contexts: requests that wait for their places, ${mode}, ${workerClass}`, async (t) => {
      const { gate, host, url } = await start(t, { ...single(workerClass), workerConnections: 100 });
      const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(t, url)));
      for (const [index, client] of clients.entries()) client.send(`GET /${mode}/held?id=${index} `);
      // The worker has all connections. Its place then goes to another request.
      await eventually(async () => (await host.stats()).workers[0]?.connections === 8, '8 connections');
      const held = await gate.hold(`${url}/${mode}/held?id=first`);
      for (const client of clients) client.send('HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
      await held.arrival.settle();
      held.arrival.release();
      await releaseAll(gate, clients.length);
      const answers = await Promise.all(clients.map((client) => client.all()));
      assertOwn([...answers.flatMap(answersIn), await held.answer], 9);
    });

    test(`contexts: requests whose bodies are waited for, ${mode}, ${workerClass}`, async (t) => {
      const { url } = await start(t, { ...single(workerClass), workerConnections: 100 });
      const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(t, url)));
      const head = 'HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab';
      for (const [index, client] of clients.entries()) client.send(`POST /${mode}?id=${index} ${head}`);
      // Another request is served meanwhile, unless one of these is already being served.
      const between = workerClass === 'async' ? [] : [await get(`${url}/${mode}?id=between`)];
      for (const client of clients.reverse()) client.send('cd');
      const answers = await Promise.all(clients.map((client) => client.all()));
      assertOwn([...answers.flatMap(answersIn), ...between], 4 + between.length);
    });
  }
}

for (const workerClass of KEEPING) {
  test(`contexts: pipelined requests, ${workerClass}`, async (t) => {
    const { gate, url } = await start(t, { ...single(workerClass), workerConnections: 100 });
    const client = await RawClient.connect(t, url);
    const other = await RawClient.connect(t, url);
    const request = (id: string): string => `GET /run/held?id=${id} HTTP/1.1\r\nHost: test\r\n\r\n`;
    client.send(['a', 'b', 'c'].map(request).join(''));
    other.send(['x', 'y', 'z'].map(request).join(''));
    await releaseAll(gate, 6);
    for (const one of [client, other])
      await one.until((text) => (text.match(/"kept"/g) ?? []).length === 3, '3 answers');
    assertOwn(answersIn(client.received + other.received), 6);
  });
}

test('contexts: a connection that was accepted without room, async', async (t) => {
  const { gate, host, url } = await start(t, {
    workers: 1,
    workerClass: 'async',
    workerConnections: 2,
    keepAlive: 60_000,
  });
  const idle = await RawClient.connect(t, url);
  idle.send('GET /enter?id=idle HTTP/1.1\r\nHost: test\r\n\r\n');
  await idle.until((text) => text.includes('"kept"'), 'the answer of the one that turns idle');
  const held = await gate.hold(`${url}/enter/held?id=held`);
  // The worker has to close the idle connection to make room, which happens in the context of that connection.
  const third = get(`${url}/inherit?id=third`);
  assertOwn([await third], 1);
  held.arrival.release();
  assertOwn([await held.answer], 1);
  assert.equal(host.of('worker:exit').length, 0);
});

for (const workerClass of CLASSES) {
  test(`contexts: the 500 of a crash is written in no other request's context, ${workerClass}`, async (t) => {
    const { gate, url } = await start(t, {
      workers: 1,
      workerClass,
      ...(workerClass === 'threaded' && { threads: 2 }),
    });
    const beside = workerClass === 'async' ? await gate.hold(`${url}/run/held?id=beside`) : undefined;
    const failed = await get(`${url}/run/throws?id=failed`);
    assert.equal(failed.status, 500);
    assert.ok(['none', 'failed'].includes(String(failed.headers['x-store'])), String(failed.headers['x-store']));
    if (!beside) return;
    const { status, headers } = await beside.answer;
    assert.equal(status, 500);
    assert.ok(['none', 'beside'].includes(String(headers['x-store'])), String(headers['x-store']));
  });
}

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`contexts: the 504 of a request is written in no other request's context, ${workerClass}`, async (t) => {
    const { url } = await start(t, { ...single(workerClass), timeout: 500 });
    assert.equal((await get(`${url}/enter?id=before`)).status, 200);
    const { status, headers } = await get(`${url}/enter/forever?id=late`);
    assert.equal(status, 504);
    assert.ok(['none', 'late'].includes(String(headers['x-store'])), String(headers['x-store']));
  });
}

test('contexts: an upgrade, async', async (t) => {
  const { url } = await start(t, { workers: 1, workerClass: 'async' });
  const told = await Promise.all(
    [1, 2, 3].map(async (id) => {
      const client = await RawClient.connect(t, url);
      client.send(`GET /enter?id=${id} HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n`);
      return { body: (await client.all()).split('\r\n\r\n')[1] ?? '' };
    }),
  );
  assertOwn(told, 3);
});
