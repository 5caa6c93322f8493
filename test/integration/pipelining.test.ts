import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest, classes, witnessed } from '../helpers/classes.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { urlsSeen } from '../helpers/told.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const COUNT = 100;
const TELLS = { env: { TELLS: '1' } };
const MB = 1 << 20;
const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

// One thread, so that all requests are seen in one order.
for (const each of classes(1)) {
  test(`pipelining: ${COUNT} requests on one connection: ${each.name}`, async (t) => {
    const host = witnessed(t, each, {}, TELLS);
    const url = await host.ready();
    // The first of each ten requests takes longest.
    const paths = Array.from({ length: COUNT }, (_, index) => `/late?ms=${index % 10 === 0 ? 5 : 0}&n=${index}`);
    const client = (await ByteClient.connect(url)).send(paths.map(request).join(''));
    if (each.name === 'async') (await client.until(`n=${COUNT - 1}"`)).finish();
    // A thread ends a connection when the requests that wait for the thread would do better with another; see
    // ThreadedWorker.
    else if (each.name === 'threaded') await client.until(`n=${COUNT - 1}"`).catch(() => undefined);
    const answers = answersIn(each.name === 'threaded' ? client.received : await client.all());
    client.reset();
    const served = answers.map(({ body }) => JSON.parse(body) as { url: string; most: number });
    const last = answers.at(-1);
    assert.deepEqual(
      served.map((answer) => answer.url),
      paths.slice(0, answers.length),
    );
    const most = Math.max(...served.map((answer) => answer.most));
    if (each.name === 'sync') assert.deepEqual([answers.length, most], [1, 1]);
    if (each.name === 'async') assert.equal(answers.length, COUNT);
    if (each.name === 'threaded') assert.equal(most, 1);
    if (answers.length < COUNT) assert.ok(last?.headers.includes('connection: close'), String(last?.headers));
    await atRest(host);
    assert.equal((await get(`${url}/next`)).status, 200);
    await host.event('worker:message', (_, told) => told.url === '/next');
    assert.deepEqual(urlsSeen(host), [...paths.slice(0, answers.length), '/next']);
    await assertUnharmed(host);
  });

  for (const [way, leave] of Object.entries({
    'is reset': (client: ByteClient) => client.reset(),
    'ends with FIN': (client: ByteClient) => client.finish().all(),
  })) {
    test(`pipelining: a connection that ${way} in the middle: ${each.name}`, async (t) => {
      const host = witnessed(t, each, {}, TELLS);
      const url = await host.ready();
      const paths = Array.from({ length: COUNT }, (_, index) => `/${index}`);
      paths[each.name === 'async' ? COUNT / 2 : 0] = '/hold';
      const client = (await ByteClient.connect(url)).send(paths.map(request).join(''));
      await client.until('HTTP/1.1 102 ');
      await leave(client);
      await atRest(host);
      assert.equal((await get(`${url}/next`)).status, 200);
      await host.event('worker:message', (_, told) => told.url === '/next');
      // A worker that serves one request at a time has not begun with those behind the first.
      const begun = each.name === 'async' ? COUNT : 1;
      assert.deepEqual(urlsSeen(host), [...paths.slice(0, begun), '/next']);
      const ended = async (): Promise<number> => (await host.stats()).totals.requests;
      await eventually(async () => (await ended()) >= begun + 1, `the end of ${begun + 1} requests`);
      assert.equal(await ended(), begun + 1);
      await assertUnharmed(host);
    });
  }

  test(`pipelining: a flood of requests behind one that takes its time: ${each.name}`, linuxOnly, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    const [worker] = await host.workers();
    const resident = (): number =>
      1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${worker?.pid}/status`, 'utf8'))?.[1]);
    await get(url);
    const before = resident();
    const client = await (await ByteClient.connect(url)).get('/ticks').until('HTTP/1.1 102 ');
    client.send(request('/').repeat(Math.ceil((8 * MB) / request('/').length)));
    // Waits until the event loop has turned many times, or the connection has been cut off.
    await client.until('HTTP/1.1 200 ').catch(() => undefined);
    const grown = resident() - before;
    assert.ok(grown < 128 * MB, `${Math.round(grown / MB)} MB for 8 MB of requests`);
    client.reset();
    assert.equal((await get(url)).status, 200);
    await atRest(host);
    await assertUnharmed(host);
  });
}
