/* Clients with a keep-alive or parked connection do not keep out clients that have none. */
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, single } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const APP = { app: fixture('patience.js'), workerConnections: 1000 };
/** Each request takes so many milliseconds of CPU: some ten of them fit between two turns of the accept queue. */
const SPIN = '/?spin=1';
/** Far above those ten, for a machine that has no CPU just then, and far below all the requests that come. */
const BOUND = 300;
const ALL = 3_000;

/** How many requests on keep-alive connections were answered before a newcomer had its answer, at most. */
async function overtaken(url: string, answered: () => number): Promise<number> {
  let most = 0;
  for (let count = 0; count < 5; count++) {
    const before = answered();
    assert.equal((await get(`${url}/new`)).status, 200);
    most = Math.max(most, answered() - before);
  }
  return most;
}

test('fairness: closed loops on kept connections, threaded', async (t) => {
  const host = new Host(t, { ...single('threaded'), ...APP, keepAlive: 60_000 });
  const url = await host.ready();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 12 });
  t.after(() => agent.destroy());
  let answered = 0;
  let over = false;
  const loop = async (): Promise<void> => {
    while (!over && answered < ALL) {
      const response = await new Promise<http.IncomingMessage>((resolve, reject) =>
        http.get(`${url}${SPIN}`, { agent }, resolve).on('error', reject),
      );
      for await (const _ of response);
      answered++;
    }
  };
  const loops = Array.from({ length: 12 }, loop);
  await eventually(() => answered > 200, '200 answers');
  const most = await overtaken(url, () => answered);
  over = true;
  await Promise.all(loops);
  assert.ok(most < BOUND, `${most} requests were served before a newcomer's`);
  assert.ok(answered < ALL, 'they had an end by themselves');
  await assertUnharmed(host);
});

test('fairness: one client that keeps ten requests pipelined, threaded', async (t) => {
  const host = new Host(t, { ...single('threaded'), ...APP, keepAlive: 60_000 });
  const url = await host.ready();
  const client = await ByteClient.connect(url);
  let sent = 0;
  const answered = (): number => client.received.split('HTTP/1.1 200').length - 1;
  const refill = setInterval(() => {
    for (; sent < answered() + 10 && sent < ALL; sent++) client.get(SPIN);
  }, 1);
  t.after(() => clearInterval(refill));
  await eventually(() => answered() > 100 || client.end !== 'open', '100 answers');
  const most = await overtaken(url, answered);
  clearInterval(refill);
  assert.ok(most < BOUND, `${most} requests were served before a newcomer's`);
  client.reset();
  await assertUnharmed(host);
});

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`fairness: a crowd of parked connections whose requests come together, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), ...APP });
    const url = await host.ready();
    const crowd = await Promise.all(Array.from({ length: 200 }, () => RawClient.connect(t, url)));
    for (const client of crowd) client.send(`GET /crowd?spin=3 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n`);
    await eventually(async () => (await host.stats()).workers[0]?.connections === crowd.length, 'the whole crowd');
    for (const client of crowd) client.send('\r\n');
    // Each newcomer is accepted by itself. A newcomer that is accepted a moment before its request is there has had its
    // turn, and stands in line behind the crowd. Mostly that happens to none.
    const newcomers = ['/new?1', '/new?2', '/new?3'];
    const answers = await Promise.all(newcomers.map((path) => get(url + path)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    for (const client of crowd) assert.match(await client.all(), /^HTTP\/1\.1 200 /);
    const called: string[] = JSON.parse((await get(`${url}/called`)).body);
    const before = newcomers.map((path) => called.indexOf(path)).sort((one, other) => one - other);
    const [, second = 0] = before;
    assert.ok(second >= 0 && second < crowd.length / 2, `${before} of ${crowd.length} came before the newcomers`);
    await assertUnharmed(host);
  });
}

test('fairness: who gives way takes no pipelined request with it, threaded', async (t) => {
  const host = new Host(t, { ...single('threaded'), ...APP, keepAlive: 60_000 });
  const url = await host.ready();
  const clients = await Promise.all([1, 2, 3].map(() => ByteClient.connect(url)));
  for (const client of clients) for (let count = 0; count < 40; count++) client.get(`/${count}?spin=1`);
  for (let count = 0; count < 10; count++) assert.equal((await get(`${url}/new`)).status, 200);
  for (const client of clients) await client.until('/39?spin=1');
  for (const client of clients) {
    const served = answersIn(client.received).map(({ body }) => body);
    assert.deepEqual(
      served,
      Array.from({ length: 40 }, (_, count) => `/${count}?spin=1`),
    );
    client.reset();
  }
  await assertUnharmed(host);
});
