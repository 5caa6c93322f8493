import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import test, { type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { CLASSES } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const STOPPED = { code: 0, signal: null, reason: 'stop' };
const UNHURRIED = { workers: 1, gracefulTimeout: 2 ** 31 - 1 };
const LATE = `${fixture('upgrades-late.js')}#LateUpgrades`;

interface Closing {
  readonly code: number;
  readonly reason: string;
  readonly errors: unknown[];
}

function watch(t: TestContext, url: string, ca?: string): { socket: WebSocket; closed: Promise<Closing> } {
  const socket = new WebSocket(url.replace('http', 'ws'), ca === undefined ? {} : { ca });
  t.after(() => socket.terminate());
  const errors: unknown[] = [];
  socket.on('error', (error) => errors.push(error));
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason), errors }));
  return { socket, closed };
}

const GOING_AWAY = { code: 1001, reason: 'going away', errors: [] };

for (const name of ['NoServer', 'WithServer']) {
  test(`websockets_are_told: 1001, ${name}`, async (t) => {
    const host = new Host(t, { ...UNHURRIED, workerClass: `${fixture('websockets.js')}#${name}` });
    const url = await host.ready();
    const sockets = [watch(t, `${url}/socket`), watch(t, `${url}/socket`)];
    let echoes = 0;
    await inTime(Promise.all(sockets.map(({ socket }) => once(socket, 'open'))), 'open WebSockets');
    for (const { socket } of sockets) {
      // The client sends as many messages as it takes for the close frame to come between two of them.
      const message = Buffer.alloc(50_000, 'x');
      socket.on('message', (data: Buffer) => {
        assert.ok(data.equals(message));
        echoes++;
        if (socket.readyState === WebSocket.OPEN) socket.send(message);
      });
      for (let count = 0; count < 4; count++) socket.send(message);
      await inTime(once(socket, 'message'), 'a message');
    }
    await host.call('stop');
    for (const { closed } of sockets) assert.deepEqual(await inTime(closed, 'a close'), GOING_AWAY);
    assert.ok(echoes > 0);
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
  });
}

test('websockets_are_told: over TLS', { skip: noCertificates }, async (t) => {
  const { cert, key } = certificate();
  const workerClass = `${fixture('websockets.js')}#NoServer`;
  const host = new Host(t, { ...UNHURRIED, workerClass, tls: { cert, key } });
  const { socket, closed } = watch(t, await host.ready(), cert);
  await inTime(once(socket, 'open'), 'an open WebSocket');
  await host.call('stop');
  assert.deepEqual(await inTime(closed, 'a close'), GOING_AWAY);
});

test('websockets_are_told: one whose upgrade is answered during the drain', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { ...UNHURRIED, workerClass: LATE, env: gate.env });
  const { socket, closed } = watch(t, `${await host.ready()}/late`);
  const arrival = await gate.next();
  const stopped = host.call('stop');
  await host.event('stop');
  await arrival.settle();
  // A close frame before the answer would be no answer.
  assert.equal(socket.readyState, WebSocket.CONNECTING);
  arrival.release();
  await inTime(once(socket, 'open'), 'an open WebSocket');
  assert.deepEqual(await inTime(closed, 'a close'), GOING_AWAY);
  await stopped;
});

test('websockets_are_told: nothing is written into another protocol', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { ...UNHURRIED, workerClass: LATE, env: gate.env });
  const client = await RawClient.connect(t, await host.ready());
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  const arrival = await gate.next();
  arrival.release();
  await client.until((received) => received.endsWith('\r\n\r\n'), 'an answer');
  const stopped = host.call('stop');
  await host.event('stop');
  // This takes longer than the worker needs to look for new WebSockets.
  for (let count = 0; count < 300; count++) {
    client.send(`${count};`);
    await client.until((received) => received.endsWith(`${count};`), 'an echo');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.match(client.received, /\r\n\r\n0;1;2;[\d;]*299;$/);
  client.end();
  await stopped;
});

test('http2_sessions_are_told: one that waited in the queue', { skip: noCertificates }, async (t) => {
  const { cert, key } = certificate();
  const gate = await Gate.open(t);
  const options = { workerClass: 'async', workerConnections: 1, http2: true, tls: { cert, key }, keepAlive: 60_000 };
  const host = new Host(t, { ...UNHURRIED, ...options, app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const ask = async (path: string): Promise<unknown[]> => {
    const session = http2.connect(url, { ca: cert });
    t.after(() => session.destroy());
    const stream = session.request({ ':path': path }).resume();
    const [[headers]] = await Promise.all([once(stream, 'response'), once(session, 'goaway'), once(session, 'close')]);
    return headers[':status'];
  };
  const first = ask('/first');
  const held = await gate.next();
  const second = ask('/second');
  await held.settle();
  const stopped = host.call('stop');
  await host.event('stop');
  await held.settle();
  held.release();
  assert.equal(await inTime(first, 'the first answer'), 200);
  const late = await gate.next();
  assert.equal(late.url, '/second');
  late.release();
  assert.equal(await inTime(second, 'the second answer'), 200);
  await stopped;
  assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
});

const ONE: Readonly<Record<string, HostOptions>> = { sync: {}, async: {}, threaded: { threads: 2 } };
for (const workerClass of CLASSES) {
  test(`graceful_kill_is_reported: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const options = { workers: 1, workerClass, ...ONE[workerClass], app: fixture('gated.js'), gracefulTimeout: 400 };
    const host = new Host(t, { ...options, env: gate.env });
    const answer = get(`${await host.ready()}/then-spins?a=1`).catch((error: NodeJS.ErrnoException) => error.code);
    const arrival = await gate.next();
    const { pid } = arrival;
    await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a request on the scoreboard');
    // A worker whose event loop does not turn can only be killed.
    arrival.release();
    await host.call('stop');
    // What the worker was doing is reported if there was time to find out.
    const [worker, { request, stacks: _, ...exit }] = await host.event('worker:exit');
    assert.deepEqual([worker.pid, exit], [pid, { code: null, signal: 'SIGKILL', reason: 'stop', overdue: true }]);
    assert.deepEqual([request.method, request.url], ['GET', '/then-spins?a=1']);
    assert.equal(await answer, 'ECONNRESET');
    const line = host.log.split('\n').find((text) => text.includes(`"worker #1 (pid ${pid}) ended`)) ?? host.log;
    const { level, msg } = JSON.parse(line);
    assert.equal(level, 'warn');
    assert.match(
      msg,
      /ended \(stop, SIGKILL when gracefulTimeout was over\) while serving GET "\/then-spins\?a=1", \d/,
    );
  });
}
