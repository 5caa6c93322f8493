import assert from 'node:assert/strict';
import test from 'node:test';
import { KEEPING, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, headLines, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { counting } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** The statuses of all answers that a client got, in order. */
const statuses = (received: string): string[] => received.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];

for (const workerClass of KEEPING) {
  const options = { ...single(workerClass), workerConnections: 10 };

  test(`keepalive_on_thread: many requests on one connection, ${workerClass}`, async (t) => {
    const host = await counting(t, options);
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    for (let count = 1; count <= 4; count++) {
      client.get('/');
      await client.until((received) => received.endsWith('hello') && statuses(received).length === count, `${count}`);
      // A connection that waits for its next request keeps nobody out.
      assert.equal((await get(url)).body, 'hello');
    }
    assert.deepEqual(statuses(client.received), Array(4).fill('200'));
    assert.doesNotMatch(client.received, /connection: close/i);
    await host.finished(8);
    // The last connection of a single request may be counted once more before the worker sees it closed.
    await eventually(async () => (await host.stats()).workers[0]?.connections === 1, '1 connection');
  });

  test(`keepalive_on_thread: open connections are counted, ${workerClass}`, async (t) => {
    const host = await counting(t, options);
    const url = await host.ready();
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(t, url)));
    for (const client of clients) {
      client.get('/');
      await client.until((received) => received.endsWith('hello'), 'an answer');
    }
    const connections = async (): Promise<number | undefined> => (await host.stats()).workers[0]?.connections;
    await eventually(async () => (await connections()) === 4, '4 connections');
    clients[0]?.leave();
    await eventually(async () => (await connections()) === 3, '3 connections');
    for (const client of clients) client.leave();
    await eventually(async () => (await connections()) === 0, 'no connection');
    await host.finished(4);
  });

  test(`keepalive_on_thread: an idle connection is closed after keepAlive, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 300 });
    const client = await RawClient.connect(t, await host.ready());
    // The worker's clock begins with the answer, so after this moment.
    const asked = performance.now();
    client.get('/');
    await client.until((received) => received.endsWith('hello'), 'an answer');
    assert.deepEqual(statuses(await client.all()), ['200']);
    // Timers may be early by 1 ms.
    assert.ok(performance.now() - asked >= 299, 'it was closed at once');
  });

  test(`keepalive_on_thread: the client is told how long, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 7_000 });
    const answer = await fetch(await host.ready());
    assert.deepEqual([answer.headers.get('connection'), answer.headers.get('keep-alive')], ['keep-alive', 'timeout=7']);
  });

  test(`keepalive_on_thread: with keepAlive 0 a connection is closed after each answer, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 0 });
    const url = await host.ready();
    for (const version of ['HTTP/1.1\r\nHost: test', 'HTTP/1.0']) {
      const client = await RawClient.connect(t, url);
      client.send(`GET / ${version}\r\nConnection: keep-alive\r\n\r\n`);
      const answer = await client.all();
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*hello$/s);
      const about = headLines(answer).filter((line) => /^(?:connection|keep-alive):/i.test(line));
      assert.deepEqual(about, ['Connection: close']);
    }
  });

  test(`keepalive_on_thread: an idle connection holds no stop up beyond keepAlive, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, keepAlive: 300 });
    const client = (await RawClient.connect(t, await host.ready())).get('/');
    await client.until((received) => received.endsWith('hello'), 'an answer');
    await host.call('stop');
    assert.deepEqual(statuses(await client.all()), ['200']);
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
  });

  test(`keepalive_on_thread: an answer during the drain closes its connection, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...options, app: fixture('gated.js'), env: gate.env, keepAlive: 60_000 });
    const client = (await RawClient.connect(t, await host.ready())).get('/first');
    (await gate.next()).release();
    await client.until((received) => received.endsWith(' /first'), 'the first answer');
    client.get('/held');
    const held = await gate.next();
    const stopped = host.call('stop');
    await host.event('stop');
    held.release();
    // The order may reach the worker after that answer. Then the connection is kept, and the next answer closes it.
    for (let more = 1; ; more++) {
      await client.until((received) => statuses(received).length === 1 + more, `answer ${1 + more}`);
      if (/^Connection: close\r$/m.test(client.received)) break;
      client.get(`/more/${more}`);
      (await gate.next()).release();
    }
    const answers = statuses(await client.all());
    assert.ok(
      answers.every((status) => status === '200'),
      String(answers),
    );
    assert.equal(answers.length, gate.arrivals.length);
    await stopped;
  });
}

test('keepalive_on_thread: pipelined requests are answered in order, one at a time', async (t) => {
  const gate = await Gate.shared(t);
  const host = await counting(t, { ...single('threaded'), app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const paths = ['/one', '/two', '/three'];
  const client = await RawClient.connect(t, url);
  client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
  for (const [index, path] of paths.entries()) {
    const arrival = await gate.next();
    assert.equal(arrival.url, path);
    await arrival.settle();
    assert.equal(gate.arrivals.length, index + 1, 'the next request was begun while this one was under way');
    assert.equal(statuses(client.received).length, index);
    arrival.release();
    await client.until((received) => received.endsWith(` ${path}`), `the answer to ${path}`);
  }
  assert.equal(gate.most, 1);
  await host.finished(3);
});

test('keepalive_on_thread: what a client has pipelined goes with it', async (t) => {
  const gate = await Gate.shared(t);
  const host = await counting(t, { ...single('threaded'), app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const leaver = (await RawClient.connect(t, url)).get('/one').get('/two').get('/three');
  const one = await gate.next();
  await one.settle();
  leaver.leave();
  const answer = get(`${url}/other`);
  const other = await gate.next();
  assert.equal(other.url, '/other');
  await other.settle();
  assert.equal(gate.arrivals.length, 2);
  other.release();
  assert.equal((await answer).body, `${other.pid} /other`);
  assert.equal(host.of('thread:exit').length, 0);
});

test('keepalive_on_thread: a connection stays with its thread, and each thread has its own', async (t) => {
  const gate = await Gate.open(t);
  const options = { workers: 1, workerClass: 'threaded', threads: 2, app: fixture('gated.js'), env: gate.env };
  const host = new Host(t, options);
  const url = await host.ready();
  const threads: number[][] = [];
  const clients: RawClient[] = [];
  for (let round = 1; round <= 3; round++) {
    const arrivals = [];
    for (const index of [0, 1]) {
      // The first thread is busy when the second client comes.
      if (round === 1) clients.push(await RawClient.connect(t, url));
      clients[index]?.get(`/${index}`);
      arrivals.push(await gate.next());
    }
    for (const arrival of arrivals) arrival.release();
    for (const client of clients) {
      await client.until((received) => statuses(received).length === round, `answer ${round}`);
    }
    threads.push(arrivals.map(({ thread }) => thread));
  }
  const [first = []] = threads;
  assert.deepEqual(first.toSorted(), [1, 2]);
  assert.deepEqual(threads, [first, first, first]);
  assert.equal(new Set(gate.arrivals.map(({ pid }) => pid)).size, 1);
});
