/* A client that sends or reads slowly takes up no place. Where it must have one, it costs no worker. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { describe, type TestContext } from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest } from '../helpers/classes.js';
import { fixture, type Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { Program } from '../helpers/program.js';
import { sharing } from '../helpers/shared.js';
import { inTime } from '../helpers/wait.js';

keepHosts();

const PLACES: Readonly<Record<'sync' | 'threaded', HostOptions>> = {
  sync: { workerClass: 'sync', workers: 2 },
  threaded: { workerClass: 'threaded', workers: 1, threads: 2 },
};
const CLASSES = ['sync', 'threaded'] as const;

function start(t: TestContext, workerClass: (typeof CLASSES)[number], more: HostOptions = {}): Promise<Host> {
  return sharing(t, { ...PLACES[workerClass], app: fixture('patience.js'), ...more });
}

const upload = (bytes: number, first: string, path = '/echo'): string =>
  `POST ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n${first}`;

/** A client that has asked for something and reads none of the answer. */
async function asleep(t: TestContext, url: string, path: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.pause();
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
  return socket;
}

interface Sender {
  readonly socket: Socket;
  /** Resolves when the server has ended its side. */
  readonly refused: Promise<unknown>;
  /** Resolves with the error of the connection, if it had one. */
  readonly closed: Promise<Error | undefined>;
}

/** A client that can go on sending after the server has ended its side. */
async function sender(t: TestContext, url: string, bytes: string): Promise<Sender> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  const closed = once(socket, 'close').then(
    () => undefined,
    (error: Error) => error,
  );
  const refused = Promise.race([once(socket, 'end'), closed]);
  socket.on('error', () => undefined);
  socket.resume().write(bytes);
  return { socket, refused, closed };
}

/** Reads until the connection ends, and returns the number of bytes. */
async function awake(socket: Socket): Promise<number> {
  let bytes = 0;
  for await (const chunk of socket) bytes += chunk.length;
  return bytes;
}

for (const workerClass of CLASSES) {
  test(`slow: bodies that come slowly have no places, ${workerClass}`, async (t) => {
    const host = await start(t, workerClass, { timeout: 1_000 });
    const url = await host.ready();
    const slow = await Promise.all(Array.from({ length: 20 }, () => ByteClient.connect(url)));
    for (const client of slow) client.send(upload(100, 'x'));
    // This takes longer than a request may take.
    for (let count = 0; count < 20; count++) {
      assert.equal((await get(`${url}/ok?wait=60`)).status, 200);
      for (const client of slow) client.send('x');
    }
    assert.equal(host.of('worker:message').length, 0, 'no handler has been called');
    for (const client of slow) client.send('x'.repeat(79));
    for (const client of slow) {
      const [answer] = answersIn(await client.all());
      assert.deepEqual([answer?.status, JSON.parse(answer?.body ?? '{}').bytes], [200, 100]);
    }
    await assertUnharmed(host);
    await atRest(host);
  });

  test(`slow: a longer body gets its place when so much of it has come, ${workerClass}`, async (t) => {
    const host = await start(t, workerClass, { requestBuffer: 1_000, timeout: 1_000 });
    const url = await host.ready();
    const client = (await ByteClient.connect(url)).send(upload(5_000, 'x'.repeat(999)));
    assert.equal((await get(`${url}/ok`)).status, 200);
    assert.equal(host.of('worker:message').length, 0);
    client.send('x');
    // The message shows that the handler has been called.
    await host.event('worker:message');
    client.send('x'.repeat(4_000));
    assert.equal(JSON.parse(answersIn(await client.all())[0]?.body ?? '{}').bytes, 5_000);
    await assertUnharmed(host);
  });

  test(`slow: answers that are taken slowly have no places, and arrive whole, ${workerClass}`, async (t) => {
    const host = await start(t, workerClass, { timeout: 1_000 });
    const url = await host.ready();
    const sleepers = await Promise.all([1, 2, 3].map(() => asleep(t, url, '/big?bytes=12000000')));
    for (let count = 0; count < 20; count++) assert.equal((await get(`${url}/ok?wait=60`)).status, 200);
    for (const sleeper of sleepers) assert.ok((await awake(sleeper)) > 12_000_000);
    await assertUnharmed(host);
    await atRest(host);
  });

  test(`slow: of more bodies than there is memory for, the slowest gets 408, ${workerClass}`, async (t) => {
    // Only one worker or thread, so the memory is for 64 such bodies in all.
    const one = workerClass === 'sync' ? { workers: 1 } : { threads: 1 };
    const host = await start(t, workerClass, { ...one, requestBuffer: 1_000 });
    const url = await host.ready();
    const busy = await sender(t, url, upload(1_000, 'x'));
    await get(`${url}/ok`);
    const clients: ByteClient[] = [];
    for (let count = 0; count < 70; count++) {
      clients.push((await ByteClient.connect(url)).send(upload(1_000, 'x'.repeat(990))));
      // Wait for an answer, so that the worker has seen the clients in this order.
      await get(`${url}/ok`);
    }
    const [first, last] = [clients[0], clients.at(-1)] as [ByteClient, ByteClient];
    // A client that goes on sending is not reset, since a reset could take its answer away.
    await inTime(busy.refused, 'the end of an answer');
    for (let count = 0; count < 3; count++) {
      busy.socket.write('x');
      await get(`${url}/ok`);
    }
    busy.socket.end();
    assert.equal(await inTime(busy.closed, 'the end of the connection'), undefined);
    assert.equal(answersIn(await first.all())[0]?.status, 408);
    last.send('x'.repeat(10));
    assert.equal(answersIn(await last.all())[0]?.status, 200);
    for (const client of clients) client.reset();
    await atRest(host);
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
  });

  test(`slow: requestBuffer: 0 calls the handler with the head, ${workerClass}`, async (t) => {
    const host = await start(t, workerClass, { requestBuffer: 0 });
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    client.send(upload(10, '', '/early'));
    // The client has not sent a byte of the body yet.
    await client.until((received) => received.endsWith('early'), 'an answer');
    assert.match(await client.send('0123456789').all(), /^HTTP\/1\.1 413 /);
    await assertUnharmed(host);
  });
}

// These tests wait for seconds, all at the same time.
describe('slow: clients that are waited for', { concurrency: true }, () => {
  for (const workerClass of CLASSES) {
    test(`slow: a place that waits for its client is given up, and the worker lives, ${workerClass}`, async (t) => {
      // The request timeout does not run while the worker waits for a client.
      const host = await start(t, workerClass, { requestBuffer: 1_000, timeout: 1_000 });
      const url = await host.ready();
      const clients = [await ByteClient.connect(url), await ByteClient.connect(url)];
      for (const client of clients) client.send(upload(100_000, 'x'.repeat(1_000)));
      for (const client of clients) assert.equal(answersIn(await client.all())[0]?.status, 408);
      const [, warning] = await host.event('worker:warning');
      assert.equal(warning.code, 'slow-client');
      assert.match(warning.message, /^client too slow: 127\.0\.0\.1 had to be waited for to send its body, for /);
      assert.equal((await get(`${url}/ok`)).status, 200);
      assert.equal(host.of('worker:exit').length + host.of('thread:exit').length + host.of('worker:timeout').length, 0);
      await atRest(host);
    });

    test(`slow: an answer that its handler still writes breaks off, and the worker lives, ${workerClass}`, async (t) => {
      const host = await start(t, workerClass, { timeout: 1_000 });
      const url = await host.ready();
      const sleeper = await asleep(t, url, '/stream?bytes=200000000');
      const [, warning] = await host.event('worker:warning');
      assert.match(warning.message, /had to be waited for to take its answer/);
      assert.ok((await awake(sleeper)) < 200_000_000);
      assert.equal((await get(`${url}/ok`)).status, 200);
      assert.equal(host.of('worker:exit').length + host.of('thread:exit').length + host.of('worker:timeout').length, 0);
      await atRest(host);
    });
  }
});

const MODES: Readonly<Record<string, readonly string[]>> = {
  'slow headers': ['-H', '-i', '1'],
  'slow bodies': ['-B', '-i', '1', '-s', '8192'],
  'a range attack': ['-R', '-a', '1', '-b', '3000'],
  'slow reads': ['-X', '-n', '1', '-z', '32', '-w', '10', '-y', '20', '-k', '3'],
};
/**
 * A path whose handler reads the body, and one whose answer does not fit into the buffers of the system. Twenty such
 * answers are sent without places; more would be too much.
 */
const PATHS: Readonly<Record<string, string>> = { 'slow bodies': 'echo', 'slow reads': 'big?bytes=3000000' };
const skip = spawnSync('slowhttptest', ['-h']).error !== undefined && 'slowhttptest is not installed';

for (const [mode, flags] of Object.entries(MODES)) {
  test(`slow: two sync workers serve beside slowhttptest, ${mode}`, { skip }, async (t) => {
    const host = await sharing(t, {
      ...PLACES.sync,
      app: fixture('patience.js'),
      timeout: 3_000,
      workerConnections: 1_000,
    });
    const url = await host.ready();
    const target = `${url}/${PATHS[mode] ?? 'ok'}`;
    const program = new Program(t, 'slowhttptest', [
      ...flags,
      '-c',
      mode === 'slow reads' ? '20' : '150',
      '-r',
      '150',
      '-l',
      '4',
      '-p',
      '3',
      '-u',
      target,
    ]);
    let over = false;
    program.exited().then(() => {
      over = true;
    });
    let served = 0;
    const from = performance.now();
    while (!over) {
      assert.equal((await get(`${url}/ok`)).status, 200);
      served++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Dozens of requests are served a second, if the machine has CPU for them. If each had to wait until slow clients
    // are cut off, it would be less than one.
    const seconds = (performance.now() - from) / 1_000;
    assert.ok(served > 2 * seconds, `${served} others were served in ${seconds} s`);
    // The probe of slowhttptest itself.
    assert.doesNotMatch(program.output, /service available:\s+NO/);
    await assertUnharmed(host);
  });
}
