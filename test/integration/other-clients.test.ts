import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { CLASSES, single } from '../helpers/classes.js';
import { Hold } from '../helpers/hold.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { passing } from '../helpers/passing.js';
import { sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('many-protocols.js');
const OFFER = 'Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n';
const run = promisify(execFile);
const without = (program: string, flag: string): string | false =>
  spawnSync(program, [flag]).error !== undefined && `needs the program ${program}`;
const noCurl = without('curl', '--version');
const noJava = without('javac', '-version');

/** Classes that take upgrades, and classes that do not. With sync, the connection ends with the first answer. */
for (const workerClass of CLASSES) {
  test(`an offer of HTTP/2 is answered as the request that it came with: ${workerClass}`, async (t) => {
    const host = await sharing(t, { ...single(workerClass), app });
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    const ended = (text: string) => () => client.closed || client.received.includes(text);
    // One at a time: Node loses what follows such a request in the same packet, also where nobody listens to upgrades.
    client.send(`POST /first HTTP/1.1\r\n${OFFER}Content-Length: 5\r\n\r\nhel`).send('lo');
    await client.until(ended('[hello]'), 'the first answer');
    client.send(`GET /second HTTP/1.1\r\n${OFFER}\r\n`);
    await client.until(ended('/second'), 'the second answer');
    client.send(`POST /third HTTP/1.1\r\n${OFFER}`);
    client.send('Transfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n');
    await client.until(ended('[world]'), 'the third answer');
    client.send(`GET /last HTTP/1.1\r\n${OFFER}\r\n`);
    await client.until(ended('/last'), 'the last answer');
    const expected = ['POST /first h2c [hello]\n'];
    if (workerClass !== 'sync') {
      expected.push('GET /second h2c []\n', 'POST /third h2c [world]\n', 'GET /last h2c []\n');
    }
    assert.deepEqual(client.received.match(/(?:GET|POST) .*\n/g), expected);
    assert.doesNotMatch(client.received, /HTTP\/1\.1 (?!200)/);
  });

  test(`curl --http2 is answered: ${workerClass}`, { skip: noCurl }, async (t) => {
    const host = await sharing(t, { ...single(workerClass), app });
    const url = await host.ready();
    const { stdout } = await run('curl', ['-sS', '--max-time', '20', '--http2', '-d', 'x=1', `${url}/a`, `${url}/b`]);
    assert.match(stdout, /^POST \/a h2c \[x=1\]\nPOST \/b (?:h2c|no upgrade) \[x=1\]\n$/);
  });

  test(`Java's client is answered: ${workerClass}`, { skip: noJava }, async (t) => {
    const host = await sharing(t, { ...single(workerClass), app });
    const url = await host.ready();
    const file = fileURLToPath(new URL('../../test/fixtures/OfferH2c.java', import.meta.url));
    // In a program that runs for a moment, the compiler and the collector, in threads of their own, cost more than they
    // gain.
    const thrifty = ['-Xmx64m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
    const { stdout } = await run('java', [...thrifty, file, `${url}/java`], { timeout: 60_000 });
    const line = (body: string): string => `HTTP_1_1 200 POST /java (?:h2c|no upgrade) \\[${body}\\]\\n`;
    assert.match(stdout, new RegExp(`^${line('first')}${line('second')}$`));
  });
}

test('an offer of HTTP/2 within TLS is answered', { skip: noCertificates }, async (t) => {
  const { cert, key } = certificate();
  for (const http2 of [false, true]) {
    const host = new Host(t, { ...single('async'), app, tls: { cert, key }, http2 });
    const client = await RawClient.secure(t, await host.ready(), cert);
    for (const path of ['/a', '/b']) {
      client.send(`GET ${path} HTTP/1.1\r\n${OFFER}\r\n`);
      await client.until((received) => received.includes(`GET ${path} h2c []`), `the answer to ${path}`);
    }
  }
});

test('a list of protocols with websocket in it goes to the application', async (t) => {
  const host = new Host(t, { ...single('async'), app });
  const client = await RawClient.connect(t, await host.ready());
  const key = Buffer.alloc(16).toString('base64');
  client.send(`GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n`);
  client.send(`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  // The answer of ws to a list of protocols, and not one of the request listener.
  await client.until((received) => /^HTTP\/1\.1 (?:101|400) /.test(received), 'an answer of ws');
});

const PATIENT = { headersTimeout: 1_000, requestTimeout: 2_000, server: { connectionsCheckingInterval: 100 } };

for (const workerClass of CLASSES) {
  const options: HostOptions = { ...single(workerClass), app, keepAlive: 60_000, ...PATIENT };
  const crowd = workerClass === 'async' ? { workerConnections: 10 } : {};

  test(`a silent connection is closed without a word: ${workerClass}`, async (t) => {
    const host = await sharing(t, { ...options, ...crowd });
    const client = await ByteClient.connect(await host.ready());
    assert.deepEqual([await client.all(), client.end], ['', 'closed']);
    assert.equal((await host.stats()).totals.requests, 0);
  });

  test(`half a head gets its 408: ${workerClass}`, async (t) => {
    const host = await sharing(t, { ...options, ...crowd });
    const client = (await ByteClient.connect(await host.ready())).send('GET / HTT');
    assert.deepEqual(
      [await client.all(), client.end],
      ['HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n', 'closed'],
    );
  });

  test(`what has come while the worker was busy is served: ${workerClass}`, async (t) => {
    // Long, since on a busy machine some time passes before the worker is busy.
    const limits = { headersTimeout: 3_000, requestTimeout: 3_000 };
    const host = await sharing(t, { ...options, ...crowd, ...limits });
    const url = await host.ready();
    // A whole request, the rest of one, and the rest of a body: all there when the worker gets to its timers.
    const whole = await ByteClient.connect(url);
    const half = (await ByteClient.connect(url)).send('GET /half HTTP/1.1\r\nHost');
    const others = [whole, half];
    // In the other classes, this request would take the only place.
    if (workerClass === 'async') {
      const length = 'Host: a\r\nContent-Length: 9\r\n\r\n';
      others.push((await ByteClient.connect(url)).send(`POST /body HTTP/1.1\r\n${length}half`));
    }
    const open = others.length;
    await eventually(async () => (await host.stats()).workers[0]?.connections === open, 'the connections');
    const hold = new Hold(t);
    const busy = (await ByteClient.connect(url)).get(`/${hold.query}`);
    await hold.begun();
    whole.get('/whole');
    half.send(': a\r\n\r\n');
    others[2]?.send(' body');
    // Whatever is late when the worker is free again had come in time.
    await passing(host, limits.headersTimeout);
    hold.free();
    await busy.until('no upgrade');
    for (const client of others) {
      await client.until('no upgrade');
      assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/);
      client.reset();
    }
  });

  test(`the answer to what is malformed arrives, whatever follows: ${workerClass}`, async (t) => {
    const host = await sharing(t, { ...options, ...crowd });
    const url = await host.ready();
    for (let round = 0; round < 8; round++) {
      const client = await ByteClient.connect(url);
      client.send(`nonsense\r\n\r\n${'x'.repeat(300_000)}`);
      const all = await client.all();
      assert.deepEqual([all, client.end], ['HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n', 'closed']);
    }
    assert.equal((await get(`${url}/`)).status, 200);
  });
}

test('nothing of ours gets into a WebSocket that is piped to a backend', async (t) => {
  // Half of a frame, and the rest when the test says so.
  const backend = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (head) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(String(head))?.[1];
      assert.ok(key);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.write(Buffer.from([0x82, 0x14, 1, 2, 3]));
      socket.on('data', (data) => socket.write(data));
    });
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.after(() => backend.close());
  const { port } = backend.address() as { port: number };
  const env = { BACKEND: `http://127.0.0.1:${port}` };
  const host = new Host(t, { workers: 1, workerClass: 'async', app, env, gracefulTimeout: 60_000 });
  const client = await ByteClient.connect(await host.ready());
  const key = Buffer.alloc(16).toString('base64');
  client.send('GET /proxied HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
  client.send(`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  await client.until('\r\n\r\n\x82\x14\x01\x02\x03');
  const stopped = host.call('stop');
  await host.event('stop');
  // The worker looks ten times a second.
  for (let count = 0; count < 17; count++) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    client.send('.');
    await client.until('.'.repeat(count + 1));
  }
  assert.match(client.received, /\r\n\r\n\x82\x14\x01\x02\x03\.{17}$/);
  client.finish();
  await stopped;
  assert.deepEqual((await host.event('worker:exit'))[1], { code: 0, signal: null, reason: 'stop' });
});
