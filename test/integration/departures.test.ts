import assert from 'node:assert/strict';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest, classes, witnessed } from '../helpers/classes.js';
import { openSockets } from '../helpers/descriptors.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const COUNT = amount({ suite: 150, long: 500 });
const HALF_HEAD = 'GET / HTTP/1.1\r\nHost: a\r\nX-';
const HALF_BODY = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc';

/** What a client does before it leaves, how it leaves, and what it has received, if it waits for that. */
const DEPARTURES: Readonly<Record<string, (client: ByteClient) => unknown>> = {
  'reset right after connect': (client) => client.reset(),
  'FIN right after connect': (client) => nothing(client),
  'reset after half a head': (client) => client.send(HALF_HEAD).reset(),
  'FIN after half a head': (client) => answered(client.send(HALF_HEAD), 400),
  'reset after half a body': (client) => client.send(HALF_BODY).reset(),
  'FIN after half a body': (client) => answered(client.send(HALF_BODY), 400),
  'reset right after a head': (client) => client.get('/').reset(),
  'reset while the handler works': async (client) => (await client.get('/hold').until('102')).reset(),
  'reset during the answer': async (client) => (await client.get('/endless').until('xxx')).reset(),
  // To Node, and so to a handler, such a client has gone: what the handler waits for may never come.
  'FIN while the handler works': async (client) => nothing(await client.get('/hold').until('102')),
};

/**
 * A client that ends its side may still want its answer, which looks the same to the server. It gets an answer that is
 * ready by then, however long. On a busy machine its request may have had to wait, and is then not begun.
 */
const HALF_CLOSED: Readonly<Record<string, (client: ByteClient) => unknown>> = {
  'FIN right after a request': (client) => ready(client.get('/')),
  'FIN before a long answer': (client) => ready(client.get('/large?bytes=200000'), 200_000),
};

async function answered(client: ByteClient, status: number): Promise<string> {
  const answers = answersIn(await client.finish().all());
  assert.deepEqual([client.end, ...answers.map((answer) => answer.status)], ['closed', status]);
  return answers[0]?.body ?? '';
}

async function ready(client: ByteClient, length?: number): Promise<void> {
  const answers = answersIn(await client.finish().all());
  assert.equal(client.end, 'closed');
  for (const { status, body } of answers) assert.deepEqual([status, body.length], [200, length ?? body.length]);
}

async function nothing(client: ByteClient): Promise<void> {
  const answers = answersIn(await client.finish().all()).filter(({ status }) => status >= 200);
  assert.deepEqual([client.end, answers], ['closed', []]);
}

/** Calls `act` so many times, with so many calls at the same time. */
async function times(count: number, atOnce: number, act: () => Promise<unknown>): Promise<void> {
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) await act();
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

/** Asserts that each thread has never had more than one request at once, and has no more now. */
async function assertOneAtATime(url: string, threads: number): Promise<void> {
  const most = new Map<number, number>();
  const ask = async (): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => get(`${url}/late?ms=5`)));
    for (const answer of answers) {
      const { thread, most: here } = JSON.parse(answer.body);
      most.set(thread, Math.max(most.get(thread) ?? 0, here));
    }
  };
  await eventually(async () => {
    await ask();
    return most.size === threads;
  }, `an answer of each of ${threads} threads`);
  assert.deepEqual(
    [...most.values()],
    Array.from({ length: threads }, () => 1),
  );
}

for (const each of classes()) {
  test(`allowHalfOpen: who ends its side behind a request gets the answer, ${each.name}`, async (t) => {
    const host = witnessed(t, each, { allowHalfOpen: true });
    const url = await host.ready();
    await times(100, 10, async () => void (await answered((await ByteClient.connect(url)).get('/'), 200)));
    const late = (await ByteClient.connect(url)).get('/late?ms=200');
    assert.match(await answered(late, 200), /late/);
    const long = (await ByteClient.connect(url)).get('/large?bytes=3000000');
    assert.equal((await answered(long, 200)).length, 3_000_000);
    await atRest(host);
    await assertUnharmed(host);
  });

  test(`places_are_never_leaked: ${each.name}`, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    const [worker] = await host.workers();
    const pid = worker?.pid as number;
    const descriptors = (): number => (process.platform === 'linux' ? openSockets(pid) : 0);
    await get(url);
    await atRest(host);
    const before = descriptors();
    for (const [atOnce, departures] of [
      [25, DEPARTURES],
      [1, HALF_CLOSED],
    ] as const) {
      for (const [name, depart] of Object.entries(departures)) {
        await t.test(`${COUNT} times ${name}`, async () => {
          await times(COUNT, atOnce, async () => depart(await ByteClient.connect(url)));
          assert.equal(JSON.parse((await get(url)).body).pid, pid);
        });
      }
    }
    await t.test(`${COUNT} silent ones at once`, async () => {
      const silent = await Promise.all(Array.from({ length: COUNT }, () => ByteClient.connect(url)));
      for (let request = 0; request < 10; request++) assert.equal(JSON.parse((await get(url)).body).pid, pid);
      for (const [index, client] of silent.entries()) if (index % 2 === 0) client.reset();
      for (const client of silent) await client.finish().all();
      assert.equal(JSON.parse((await get(url)).body).pid, pid);
    });
    await atRest(host);
    // There may be fewer, if a connection of the first request was counted before.
    await eventually(() => descriptors() <= before, `${before} open sockets again`);
    // A place that was given back twice would let two requests in.
    if (each.name !== 'async') await assertOneAtATime(url, each.options.threads ?? 1);
    await assertUnharmed(host);
  });
}
