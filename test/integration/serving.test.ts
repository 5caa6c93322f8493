import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, headLines, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

test('exclusive_accept', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 2, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const first = get(`${url}/first`);
  const a = await gate.next();
  const second = get(`${url}/second`);
  const b = await gate.next();
  assert.notEqual(a.pid, b.pid, 'a busy worker took a connection while another was free');

  const clients = await Promise.all(['/3', '/4', '/5'].map(() => RawClient.connect(t, url)));
  for (const [index, client] of clients.entries()) client.get(`/${index + 3}`);
  for (const busy of [a, b]) await busy.settle();
  assert.equal(gate.arrivals.length, 2, 'a busy worker took a request');
  // Only the worker that becomes free takes the next one, and only one.
  for (const expected of [3, 4, 5]) {
    const before = gate.arrivals.length === 2 ? a : gate.arrivals.at(-1);
    before?.release();
    const next = await gate.next();
    assert.equal(next.pid, a.pid);
    await next.settle();
    await b.settle();
    assert.equal(gate.arrivals.length, expected);
  }
  for (const arrival of gate.arrivals) arrival.release();
  const answers = await Promise.all(clients.map((client) => client.all()));
  assert.deepEqual(
    [...answers.map((answer) => answer.slice(0, 15)), (await first).status, (await second).status],
    ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK', 'HTTP/1.1 200 OK', 200, 200],
  );
  assert.equal(gate.most, 1);
  await eventually(async () => (await host.stats()).totals.requests === 5, '5 finished requests');
});

for (const [name, head] of Object.entries({
  'HTTP/1.1': 'HTTP/1.1\r\nHost: test\r\n\r\n',
  'HTTP/1.0 that asks for keep-alive': 'HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
})) {
  test(`exclusive_accept: the second of two pipelined requests is not handled, ${name}`, async (t) => {
    const gate = await Gate.shared(t);
    const host = await sharing(t, { workers: 1, app: fixture('gated.js'), env: gate.env });
    const client = await RawClient.connect(t, await host.ready());
    client.send(`GET /one ${head}GET /two ${head}`);
    const one = await gate.next();
    await one.settle();
    one.release();
    const answer = await client.all();
    assert.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, answer);
    assert.equal(answer.split('\r\n\r\n')[1], `${one.pid} /one`);
    assert.deepEqual(
      gate.arrivals.map(({ url }) => url),
      ['/one'],
    );
  });
}

test('connection_close_forced', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('insists-on-keep-alive.js') });
  const url = await host.ready();
  const ways = ['/implicit', '/setHeader', '/appendHeader', '/flushHeaders', '/object', '/lowercase', '/reason'];
  for (const way of [...ways, '/flat', '/pairs', '/shouldKeepAlive']) {
    for (const request of [`GET ${way} HTTP/1.1\r\nHost: test`, `GET ${way} HTTP/1.0`]) {
      const client = await RawClient.connect(t, url);
      const answer = await client.send(`${request}\r\nConnection: keep-alive\r\n\r\n`).all();
      const lines = headLines(answer).map((line) => line.toLowerCase());
      const about = lines.filter((line) => /^(?:connection|keep-alive):/.test(line));
      assert.deepEqual(about, ['connection: close'], `${request}:\n${answer}`);
      assert.deepEqual(
        lines.filter((line) => line.startsWith('x-kept')),
        ['x-kept: yes'],
        `${request}:\n${answer}`,
      );
    }
  }
});

test('a client that leaves frees its worker', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const leaver = (await RawClient.connect(t, url)).get('/left');
  const left = await gate.next();
  leaver.leave();
  // The handler of the client that left still waits, and holds up nobody.
  const answer = get(`${url}/next`);
  const next = await gate.next();
  assert.equal(next.pid, left.pid);
  next.release();
  assert.equal((await answer).body, `${next.pid} /next`);
  assert.equal(host.of('worker:exit').length, 0);
});
