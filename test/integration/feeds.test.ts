import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { EventSource } from 'eventsource';
import { WebSocket } from 'ws';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

/* Real clients of endless answers, through reloads. */

const UNHURRIED = { gracefulTimeout: 2 ** 31 - 1, keepAlive: 600_000 };

test('EventSources miss no event and get none twice, through reloads', async (t) => {
  const file = join(temporaryFolder(t), 'feed');
  let written = 0;
  const write = (): void => writeFileSync(file, String(++written));
  write();
  const options = { workers: 2, workerClass: 'async', app: fixture('feed.js'), surge: 2, ...UNHURRIED };
  const host = new Host(t, options, { env: { FEED: file } });
  const url = await host.ready();
  const sources = Array.from({ length: 10 }, () => {
    const source = new EventSource(url);
    t.after(() => source.close());
    const ids: number[] = [];
    const pids = new Set<string>();
    const refused: string[] = [];
    source.addEventListener('message', ({ lastEventId, data }) => {
      ids.push(Number(lastEventId));
      pids.add(data);
    });
    // When an answer ends, the error event has no code and no message.
    source.addEventListener('error', ({ message }) => message !== undefined && refused.push(message));
    return { ids, pids, refused };
  });
  const all = (count: number) => () => sources.every(({ ids }) => ids.length >= count);
  await eventually(all(1), 'the first event');
  const writes = setInterval(write, 20);
  t.after(() => clearInterval(writes));
  for (let round = 2; round <= 4; round++) {
    await host.call('reload');
    // A client waits before it comes back. Without this wait, the next reload might take away workers that the client
    // has not seen.
    await eventually(() => sources.every(({ pids }) => pids.size >= round), 'all clients at the new workers');
  }
  clearInterval(writes);
  await eventually(all(written), 'the last event');
  for (const { ids, pids, refused } of sources) {
    assert.deepEqual(
      ids,
      Array.from({ length: written }, (_, index) => index + 1),
    );
    // No answer broke. On a machine without a CPU to spare, a client can come back on a connection before it sees the
    // end of it, and then comes again.
    assert.deepEqual(
      refused.filter((message) => message.includes('terminated')),
      [],
    );
    assert.ok(pids.size >= 4, `${pids.size} workers`);
  }
  assert.deepEqual([...host.of('worker:warning'), ...host.of('worker:error')], []);
});

test('@fastify/websocket: its clients are told to go, once, and its server is closed behind them', async (t) => {
  const app = `${fixture('feed.js')}#sockets`;
  const host = new Host(t, { workers: 1, workerClass: 'async', app, ...UNHURRIED });
  const url = await host.ready();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`);
  t.after(() => socket.terminate());
  const errors: unknown[] = [];
  socket.on('error', (error) => errors.push(error));
  await inTime(once(socket, 'open'), 'an open WebSocket');
  socket.send('hello');
  assert.equal(String((await inTime(once(socket, 'message'), 'an echo'))[0]), 'hello');
  const closed = once(socket, 'close');
  await host.call('stop');
  // The plugin closes first, with a code of its own.
  assert.equal((await inTime(closed, 'the close'))[0], 1005);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    host.of('worker:message').map(({ args }) => args[1]),
    ['onClose'],
  );
  assert.deepEqual((await host.event('worker:exit'))[1], { code: 0, signal: null, reason: 'stop' });
});
