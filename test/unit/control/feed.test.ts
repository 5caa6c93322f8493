import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { Controlled, Happening } from '../../../build/control/controlled.js';
import { Feed } from '../../../build/control/feed.js';
import { eventually, inTime } from '../../helpers/wait.js';

function source(figures: object = { uptime: 1 }) {
  let observer: (happening: Happening) => void = () => undefined;
  const arbiter = { state: 'running', stats: () => figures } as unknown as Controlled;
  const feed = new Feed({
    arbiter,
    observe: (given) => {
      observer = given;
    },
    describe: () => ({}),
  });
  const happens = (msg: string, level = 'info'): void =>
    observer({ event: 'error', level, line: JSON.stringify({ msg, level }) });
  return { feed, happens };
}

test('what is kept is bounded, in its order, and neither good news nor slow requests push out a crash', () => {
  const { feed, happens } = source();
  happens('the first crash', 'error');
  for (let number = 0; number < 1_000; number++) happens(`news ${number}`);
  happens('the last warning', 'warn');
  const kept = feed.history.map((line) => JSON.parse(line).msg as string);
  assert.equal(kept.length, 52);
  assert.deepEqual(
    [kept[0], kept[1], kept.at(-2), kept.at(-1)],
    ['the first crash', 'news 950', 'news 999', 'the last warning'],
  );
  for (let number = 0; number < 1_000; number++) happens(`slow ${number}`, 'warn');
  assert.equal(JSON.parse(feed.history[0] as string).msg, 'the first crash');
  for (let number = 0; number < 1_000; number++) happens(`crash ${number}`, 'error');
  assert.equal(feed.history.length, 150);
});

const LEVELS = ['error', 'warn', 'info'] as const;

test('what is kept is bounded in bytes too, the oldest of each kind first out', () => {
  const { feed, happens } = source();
  happens('the first warning', 'warn');
  for (let number = 0; number < 50; number++) happens(`${number} ${'é'.repeat(8_000)}`, 'error');
  const kept = feed.history.map((line) => JSON.parse(line).msg as string);
  assert.equal(kept[0], 'the first warning');
  assert.equal(kept.length, 33, 'the warning, and 32 errors of 16,000 bytes');
  assert.match(kept.at(-1) ?? '', /^49 /);
  assert.ok(Buffer.byteLength(feed.history.join(',')) < 2 ** 19 + 100);
});

/** Connects a client that reads. Resolves with the text that it has got, once `wanted` matches. */
async function read(t: TestContext, feed: Feed, wanted: RegExp): Promise<string> {
  const server = createServer((_, response) => feed.follow(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    feed.close();
    server.closeAllConnections();
    server.close();
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  t.after(() => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const got = new Promise<string>((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk: string) => {
      text += chunk;
      // Other text may have come in front of the wanted text, or behind it.
      if (wanted.test(text.slice(-chunk.length - 100))) resolve(text);
    });
    socket.once('error', reject).once('close', () => reject(new Error(`cut after ${text.length} characters`)));
  });
  return inTime(got, 'what the feed sends');
}

test('a client that comes gets the history, however long the lines are', async (t) => {
  const { feed, happens } = source();
  for (let number = 0; number < 150; number++) happens('x'.repeat(16_000), LEVELS[number % 3]);
  const text = await read(t, feed, /event: stats\ndata: {"uptime":1}\n\n/);
  assert.match(text.slice(0, 2_000), /event: history\ndata: \[{"msg":"xxx/);
});

test('a client that reads gets figures that are larger than what may wait for one that does not', async (t) => {
  const { feed } = source({ workers: 'x'.repeat(3 * 2 ** 20), end: 'here' });
  await read(t, feed, /"end":"here"}\n\n/);
});

test('a client that never reads is cut, and the others go on', async (t) => {
  const { feed, happens } = source();
  const server = createServer((_, response) => feed.follow(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    feed.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const follow = async (): Promise<ReturnType<typeof connect>> => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    t.after(() => socket.destroy());
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    return socket;
  };
  const stuck = await follow();
  stuck.pause();
  const reader = await follow();
  let read = 0;
  reader.on('data', (chunk: Buffer) => {
    read += chunk.length;
  });
  const count = (): Promise<number> => new Promise((resolve) => server.getConnections((_, number) => resolve(number)));
  await eventually(async () => (await count()) === 2 && read > 0, 'both');
  // Sends more than the system buffers for the stuck client and the feed keeps for it. The reader gets a turn of the
  // event loop for each line.
  let told = 0;
  while ((await count()) === 2 && told < 64 * 2 ** 20) {
    happens('x'.repeat(8_000));
    told += 8_000;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await count(), 1);
  await eventually(
    () => read >= told,
    () => `${read} of ${told} bytes`,
  );
  assert.equal(reader.closed, false);
});

test('no more clients than it holds, and none when it has ended', async (t) => {
  const { feed } = source();
  const server = createServer((_, response) => (feed.full ? response.writeHead(503).end() : feed.follow(response)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const answers = await Promise.all(Array.from({ length: 17 }, () => fetch(`http://127.0.0.1:${port}/`)));
  assert.equal(answers.filter(({ status }) => status === 503).length, 1);
  feed.close();
  for (const answer of answers) await answer.text();
  assert.equal(feed.full, false);
});
