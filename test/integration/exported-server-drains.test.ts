/*
 * An exported server whose listeners were added late, through reloads, recycling and scaling: its listeners count to
 * its end, and the next server has its own.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { BuiltInClass } from 'prefork';
import { CLASSES, KEEPING } from '../helpers/classes.js';
import { untilRefused } from '../helpers/connector.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const ECHO = 'GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
const MIRACLE = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: a-miracle\r\n\r\n';
const NONSENSE = 'no request\r\n\r\n';
const CLEAN = { code: 0, signal: null };

function exported(t: TestContext, workerClass: BuiltInClass, more: HostOptions = {}): Host {
  const own = { ...(workerClass === 'threaded' && { threads: 1 }), gracefulTimeout: 2 ** 31 - 1, keepAlive: 600_000 };
  return new Host(t, {
    workers: 1,
    workerClass,
    app: fixture('exported-server.js'),
    allowHalfOpen: true,
    ...own,
    ...more,
  });
}

/** How many servers have heard of their own close. */
const closes = (host: Host): number => host.log.split('the server has heard of its close').length - 1;

/** What a new connection receives for these bytes. */
async function answered(t: TestContext, url: string, bytes: string): Promise<string> {
  return (await RawClient.connect(t, url)).send(bytes).end().all();
}

interface Order {
  readonly reason: string;
  readonly give: (host: Host, url: string) => Promise<unknown>;
  readonly options?: HostOptions;
}

const ORDERS: readonly Order[] = [
  { reason: 'reload', give: (host) => host.call('reload') },
  // Two requests come before that, and this is the third.
  {
    reason: 'recycle',
    give: (host, url) => get(`${url}/`).then(() => host.event('worker:exit')),
    options: { maxRequests: 3 },
  },
  { reason: 'scale', give: (host) => host.call('scale', 1), options: { workers: 2 } },
];

/** Has each worker add its late listeners. */
async function listen(host: Host, url: string): Promise<void> {
  const have = async (): Promise<boolean> => {
    await get(`${url}/listen`);
    return (await host.stats()).workers.every(({ requests }) => requests > 0);
  };
  await eventually(have, 'a request in each worker');
}

for (const workerClass of CLASSES) {
  for (const { reason, give, options = {} } of ORDERS) {
    test(`exported_server_drains: late listeners hear of the end, and are the next one's only when it has them, ${workerClass}, ${reason}`, async (t) => {
      const host = exported(t, workerClass, options);
      const url = await host.ready();
      await listen(host, url);
      assert.match(await answered(t, url, MIRACLE), /expectation, own answer$/);
      await give(host, url);
      const [{ pid }, exit] = await host.event('worker:exit');
      assert.deepEqual(exit, { ...CLEAN, reason });
      await host.until(() => closes(host) === 1, 'what the late listener of the close says');
      await eventually(async () => (await host.workers()).every(({ state }) => state === 'ready'), 'ready workers');
      assert.equal((await get(`${url}/`)).body, 'own GET, own answer');
      // After a scale, the worker that stays has its listeners. A new worker has none.
      const expected = reason === 'scale' ? /expectation, own answer$/ : /^HTTP\/1\.1 417 /;
      assert.match(await answered(t, url, MIRACLE), expected);
      assert.ok((await host.workers()).every((worker) => worker.pid !== pid));
      assert.deepEqual([...host.of('worker:error'), ...host.of('worker:warning')], []);
    });
  }
}

for (const workerClass of KEEPING) {
  test(`exported_server_drains: late listeners count in the drain itself, ${workerClass}`, async (t) => {
    const host = exported(t, workerClass);
    const url = await host.ready();
    await get(`${url}/listen`);
    // These clients have a connection when the drain begins.
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(t, url)));
    for (const client of clients) {
      await client.get('/').until((received) => received.endsWith('own GET, own answer'), 'an answer');
    }
    const [first, second, third] = clients as [RawClient, RawClient, RawClient];
    const stopped = host.call('stop');
    // Wait for the worker: the master's own event comes before the worker has heard of the stop.
    await untilRefused({ host: '127.0.0.1', port: Number(new URL(url).port) });
    assert.match(await first.send(MIRACLE).all(), /\r\nConnection: close\r\n.*expectation, own answer$/s);
    assert.match(await second.send(NONSENSE).all(), /HTTP\/1\.1 400 Own Words\r\n\r\n$/);
    assert.match(await third.get('/told').all(), /\r\nConnection: close\r\n.*connection.*own answer$/s);
    await stopped;
    assert.equal(closes(host), 1);
    assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason: 'stop' });
  });
}

for (const order of ['reload', 'stop']) {
  test(`exported_server_drains: an upgrade to a late listener is the application's until it ends, ${order}`, async (t) => {
    const host = exported(t, 'async');
    const url = await host.ready();
    await get(`${url}/listen`);
    const client = await RawClient.connect(t, url);
    await client.send(ECHO).until((received) => /HTTP\/1\.1 101 .*\r\n\r\n$/s.test(received), 'the upgrade');
    const done = host.call(order);
    const drains = async (): Promise<boolean> => (await host.workers()).some(({ state }) => state === 'draining');
    await eventually(drains, 'a worker that drains');
    for (const text of ['one', 'two', 'three']) {
      await client.send(text).until((received) => received.endsWith(text), 'the echo');
    }
    assert.equal(host.of('worker:exit').length, 0);
    client.end();
    assert.match(await client.all(), /onetwothree$/);
    await done;
    assert.equal(closes(host), 1);
    assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason: order });
  });
}
