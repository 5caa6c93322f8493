/* Tests of the load client itself: a failure that it did not count would be taken for none. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { CLASSES } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { type ClientKind, type Failure, MixedLoad } from '../helpers/mixed-load.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { reset } from '../helpers/reset.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const SILENCE = 300;
const BYTES = 1_000_000;
const RIGHT = '1 1 v1';

/** A TCP server that calls `onRequest` whenever bytes of a request come, with the number of the call. */
async function serveBytes(t: TestContext, onRequest: (socket: Socket, count: number) => void): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let count = 0;
    socket.on('error', () => undefined).on('data', () => onRequest(socket, ++count));
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(t: TestContext, listener: RequestListener, path?: string): Promise<string> {
  const server = createHttpServer(listener);
  server.listen(path ?? { port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  return path ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answer = (body: string, length = body.length): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`;

/** The first failures of one client of a kind, without their times. */
async function failuresOf(t: TestContext, url: string, client: ClientKind, count = 2): Promise<Partial<Failure>[]> {
  const target = client === 'unix' ? { socketPath: url } : { url };
  const load = new MixedLoad(t, target, { [client]: 1 }, { silence: SILENCE, upload: BYTES });
  await eventually(() => load.failures.length >= count, `${count} failures, ${load}`);
  await load.stop();
  assert.equal(load.counts[client].failed, load.failures.length);
  return load.failures.slice(0, count).map(({ sent, failed, message, ...rest }) => {
    assert.ok(failed >= sent && message !== '');
    return rest;
  });
}

const SERVERS: Record<string, { onRequest: (socket: Socket) => void; kind: string; code: unknown }> = {
  'a reset': { onRequest: reset, kind: 'reset', code: 'ECONNRESET' },
  'a connection that is closed': { onRequest: (socket) => socket.end(), kind: 'hang up', code: 'ECONNRESET' },
  'a head that ends early': {
    onRequest: (socket) => socket.end('HTTP/1.1 20'),
    kind: 'truncated',
    code: 'ECONNRESET',
  },
  'a body that ends early': {
    onRequest: (socket) => socket.end(answer(RIGHT, 100)),
    kind: 'truncated',
    code: 'ECONNRESET',
  },
  'a reset within the body': {
    onRequest: (socket) => socket.write(answer(RIGHT, 100), () => reset(socket)),
    kind: 'truncated',
    code: 'ECONNRESET',
  },
  'another body': { onRequest: (socket) => socket.end(answer('hello')), kind: 'body', code: undefined },
  'no body at all': { onRequest: (socket) => socket.end(answer('')), kind: 'body', code: undefined },
  'an error of the server': {
    onRequest: (socket) => socket.end('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'),
    kind: 'status',
    code: 500,
  },
  'silence before the answer': { onRequest: () => undefined, kind: 'hang', code: undefined },
  'silence within the answer': {
    onRequest: (socket) => socket.write(answer(RIGHT, 100)),
    kind: 'hang',
    code: undefined,
  },
  'what is no answer': { onRequest: (socket) => socket.end('hello\n'), kind: 'error', code: 'HPE_INVALID_CONSTANT' },
};

for (const [name, { onRequest, kind, code }] of Object.entries(SERVERS)) {
  test(`the load counts ${name}`, async (t) => {
    const url = await serveBytes(t, onRequest);
    for (const client of ['close', 'keepAlive'] as const) {
      assert.deepEqual(await failuresOf(t, url, client), Array(2).fill({ client, kind, code, reused: false }));
    }
  });
}

test('the load counts a refusal, over TCP and over a Unix socket', async (t) => {
  const refused = { kind: 'refused', reused: false };
  const url = `http://127.0.0.1:${await freePort(t)}`;
  for (const client of ['close', 'keepAlive', 'upload'] as const) {
    assert.deepEqual(await failuresOf(t, url, client, 1), [{ ...refused, client, code: 'ECONNREFUSED' }]);
  }
  const path = join(temporaryFolder(t), 'none.sock');
  assert.deepEqual(await failuresOf(t, path, 'unix', 1), [{ ...refused, client: 'unix', code: 'ENOENT' }]);
});

test('the load counts a request on a kept connection that is closed instead of answered', async (t) => {
  for (const [end, kind] of [
    [(socket: Socket) => socket.end(), 'hang up'],
    [reset, 'reset'],
  ] as const) {
    const url = await serveBytes(t, (socket, count) => (count < 3 ? socket.write(answer(RIGHT)) : end(socket)));
    const failed = { client: 'keepAlive', kind, code: 'ECONNRESET', reused: true };
    assert.deepEqual(await failuresOf(t, url, 'keepAlive'), [failed, failed]);
  }
});

test('the load counts uploads that are cut off, not read, or not complete', async (t) => {
  const upload = { client: 'upload', reused: false };
  const third = await serveBytes(t, (socket, count) => count === 3 && reset(socket));
  for (const { kind, code, ...rest } of await failuresOf(t, third, 'upload')) {
    assert.deepEqual(rest, upload);
    assert.ok(kind === 'reset' && ['ECONNRESET', 'EPIPE'].includes(String(code)), `${kind} ${code}`);
  }
  const stuck = await serveBytes(t, (socket) => socket.pause());
  assert.deepEqual(await failuresOf(t, stuck, 'upload', 1), [{ ...upload, kind: 'hang', code: undefined }]);
  const short = await serve(t, (request, response) =>
    request.resume().on('end', () => response.end(String(BYTES - 1))),
  );
  assert.deepEqual(await failuresOf(t, short, 'upload', 1), [{ ...upload, kind: 'body', code: undefined }]);
  const early = await serve(t, (_request, response) => {
    response.writeHead(503, { Connection: 'close' }).end();
  });
  assert.deepEqual(await failuresOf(t, early, 'upload', 1), [{ ...upload, kind: 'status', code: 503 }]);
});

test('a request that takes long, but not in silence, is answered', async (t) => {
  // On a busy machine, timers are late.
  const silence = 2_000;
  const url = await serve(t, (_request, response) => {
    let sent = 0;
    const timer = setInterval(() => {
      response.write(RIGHT[sent++]);
      if (sent < RIGHT.length) return;
      clearInterval(timer);
      response.end();
    }, silence / 3);
  });
  const load = new MixedLoad(t, { url }, { close: 1 }, { silence });
  await load.more(1);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.ok(load.longestGap > 1.5 * silence, `${load.longestGap} ms`);
});

test('every request of every kind is counted once', async (t) => {
  let [right, wrong] = [0, 0];
  /** How many requests of each kind have come. */
  const come = new Map<string, number>();
  const listener: RequestListener = (request, response) => {
    const kind = `${request.method} ${request.headers.connection} ${request.socket.localPort}`;
    let bytes = 0;
    request.on('data', (chunk) => {
      bytes += chunk.length;
    });
    request.on('end', () => {
      const count = (come.get(kind) ?? 0) + 1;
      come.set(kind, count);
      const fails = count % 7 === 4;
      if (fails) wrong++;
      else right++;
      if (fails) response.destroy();
      else response.end(request.method === 'POST' ? String(bytes) : RIGHT);
    });
  };
  const url = await serve(t, listener);
  const socketPath = await serve(t, listener, join(temporaryFolder(t), 'load.sock'));
  const load = new MixedLoad(t, { url, socketPath }, { close: 2, keepAlive: 2, upload: 1, unix: 2 }, { upload: BYTES });
  for (const kind of ['close', 'keepAlive', 'upload', 'unix'] as const)
    await load.more(kind === 'unix' ? 60 : 10, kind);
  await load.stop();
  assert.deepEqual([load.answered, load.failures.length], [right, wrong]);
  const gets = [...load.versions].reduce((sum, [, count]) => sum + count, 0);
  assert.ok(gets > 0 && gets < right - load.counts.upload.answered, 'a client on the Unix socket uploads too');
  assert.deepEqual([...load.versions.keys()], ['v1']);
  for (const { failed } of Object.values(load.counts)) assert.ok(failed > 0, String(load));
});

for (const workerClass of CLASSES) {
  test(`no request of a mixed load fails, ${workerClass}`, async (t) => {
    const socketPath = join(temporaryFolder(t), 'app.sock');
    const bind = ['127.0.0.1:0', `unix:${socketPath}`];
    const host = new Host(t, { workerClass, bind, app: fixture('deploy.js') });
    const url = await host.ready();
    const load = new MixedLoad(t, { url, socketPath }, { close: 2, keepAlive: 2, upload: 1, unix: 2 });
    for (const kind of ['close', 'keepAlive', 'unix'] as const) await load.more(50, kind);
    await load.more(3, 'upload');
    await load.stop();
    assert.deepEqual(load.failures, [], host.log);
    assert.deepEqual([...load.versions.keys()], ['1']);
    await host.finished(load.answered);
  });
}
