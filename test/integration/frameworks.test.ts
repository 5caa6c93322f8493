import assert from 'node:assert/strict';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'node:test';
import { pieces } from '../fixtures/stream-data.js';
import { isTried } from '../helpers/amount.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';
import { responseTo } from '../helpers/response.js';
import { sharing } from '../helpers/shared.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const CLASSES = ['sync', 'threaded', 'async'] as const;

/**
 * The frameworks, each with an application that has the same routes, and how many of the two failures reach the worker.
 */
const FRAMEWORKS = [
  { framework: 'express', app: 'express-app.js', failures: 0 },
  { framework: 'koa', app: 'koa-app.js', failures: 0 },
  { framework: 'fastify', app: 'fastify-app.js', failures: 0 },
  { framework: 'hono', app: 'hono-app.js', failures: 0 },
  { framework: 'plain', app: 'plain-app.js', failures: 2 },
  { framework: 'server', app: 'server-app.js', failures: 2 },
] as const;

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

async function send(method: string, url: string, body?: string): Promise<Reply> {
  const request = http.request(url, { method, agent: false, headers: { 'Content-Type': 'application/json' } });
  request.end(body);
  const response = await inTime(responseTo(request), `an answer to ${url}`);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}

for (const [number, workerClass] of CLASSES.entries()) {
  for (const [nth, { framework, app, failures }] of FRAMEWORKS.entries()) {
    test(`${framework} served by ${workerClass}`, async (t) => {
      const host = new Host(t, { workers: 1, workerClass, app: fixture(app) });
      const url = await host.ready();

      const hello = await send('GET', `${url}/hello/world`);
      assert.deepEqual([hello.status, String(hello.body)], [200, '{"hello":"world"}']);
      assert.match(hello.headers['content-type'] ?? '', /^application\/json\b/);
      // Some frameworks replace those methods of the response in which this header is forced.
      if (workerClass === 'sync') assert.equal(hello.headers.connection, 'close');
      const head = await send('HEAD', `${url}/hello/world`);
      assert.deepEqual([head.status, head.body.length], [200, 0]);
      assert.equal(head.headers['content-type'], hello.headers['content-type']);

      const large = JSON.stringify({ text: 'é'.repeat(500_000), end: true });
      const echo = await send('POST', `${url}/body`, large);
      assert.equal(echo.status, 200);
      assert.ok(echo.body.equals(Buffer.from(large)), `${echo.body.length} bytes came back`);

      const stream = await send('GET', `${url}/stream`);
      assert.equal(stream.status, 200);
      assert.ok(stream.body.equals(Buffer.concat([...pieces()])), `${stream.body.length} bytes came`);

      assert.equal((await send('GET', `${url}/missing`)).status, 404);
      assert.equal((await send('GET', `${url}/throws`)).status, 500);
      assert.equal((await send('GET', `${url}/rejects`)).status, 500);

      const pids = (await host.workers()).map(({ pid }) => String(pid));
      const pid = await send('GET', `${url}/pid`);
      assert.ok(pids.includes(String(pid.body)), `${pid.body} is none of ${pids}`);

      await eventually(async () => (await host.stats()).totals.requests === 8, '8 finished requests');
      const { errors, crashes } = (await host.stats()).totals;
      assert.deepEqual([errors, crashes], [failures, 0]);
    });

    // An inline application is what its module exports. Each framework is tried that way, and each class.
    if (!isTried(nth % CLASSES.length === number)) continue;
    test(`${framework} served inline by ${workerClass}`, async (t) => {
      const host = new Host(t, { workers: 1, workerClass, app: `./${app}` }, { entry: 'inline-host.js' });
      const url = await host.ready();
      assert.equal((await get(`${url}/hello/world`)).body, '{"hello":"world"}');
      assert.equal((await get(`${url}/missing`)).status, 404);
      const pids = (await host.workers()).map(({ pid }) => String(pid));
      assert.ok(pids.includes((await get(`${url}/pid`)).body));
    });
  }

  test(`a Fetch handler that fails is answered 500 and counted, served by ${workerClass}`, async (t) => {
    const host = await sharing(t, { workers: 1, workerClass, app: fixture('fetch-app.js') });
    const url = await host.ready();
    const failures = {
      '/throws': 'Error: it throws',
      '/rejects': 'Error: it rejects',
      '/nothing': 'TypeError: expected a Response from fetch() of the application, got undefined',
      '/no-response': "TypeError: expected a Response from fetch() of the application, got 'text'",
    };
    for (const [path, error] of Object.entries(failures)) {
      const { status, body } = await get(`${url}${path}`);
      assert.deepEqual([status, body], [500, 'Internal Server Error\n'], path);
      await host.until(() => host.log.includes(`the handler failed on GET "${path}": ${error}\n`), error);
    }
    await assert.rejects(get(`${url}/breaks`), 'half an answer came as a whole one');
    // The handler is called with its `this`, which a method may need.
    assert.equal((await get(`${url}/`)).body, 'hello');
    await eventually(async () => (await host.stats()).totals.requests === 6, '6 finished requests');
    const { errors, crashes } = (await host.stats()).totals;
    assert.deepEqual([errors, crashes], [5, 0]);
  });

  test(`a Fetch handler whose client leaves is told so, and that is no failure, served by ${workerClass}`, async (t) => {
    const host = await sharing(t, { workers: 1, workerClass, app: fixture('fetch-app.js') });
    const url = await host.ready();
    const reader = (await RawClient.connect(t, url)).get('/endless');
    await eventually(() => reader.received.length > 1_000_000, 'a part of the endless answer');
    reader.leave();
    await host.until(() => host.log.includes('fetch: cancelled'), 'the end of the stream');
    const waiter = (await RawClient.connect(t, url)).get('/waits');
    await host.until(() => host.log.includes('fetch: waits'), 'the request');
    waiter.leave();
    await host.until(() => host.log.includes('fetch: aborted'), 'the signal of the request');
    assert.equal((await get(`${url}/`)).body, 'hello');
    const { crashes } = (await host.stats()).totals;
    assert.equal(crashes, 0);
    assert.doesNotMatch(host.log, /failed on GET "\/endless"/);
  });

  test(`what a Fetch handler gets as the URL, served by ${workerClass}`, async (t) => {
    const host = await sharing(t, { workers: 1, workerClass, app: fixture('fetch-app.js') });
    const url = await host.ready();
    for (const [request, answer] of [
      ['GET /url?a=%20b HTTP/1.1\r\nHost: shop.example:81', 'http://shop.example:81/url?a=%20b'],
      // A request as load balancers send it to ask for the health.
      ['GET /url HTTP/1.0', 'http://localhost/url'],
      ['GET http://shop.example/url HTTP/1.1\r\nHost: other.example', 'http://shop.example/url'],
      ['GET /url HTTP/1.1\r\nHost: a/b', undefined],
      ['OPTIONS * HTTP/1.1\r\nHost: a', undefined],
    ] as const) {
      const client = await RawClient.connect(t, url);
      const got = await client.send(`${request}\r\nConnection: close\r\n\r\n`).all();
      const [head, body] = got.split('\r\n\r\n');
      assert.match(head ?? '', answer ? /^HTTP\/1\.1 200 OK/ : /^HTTP\/1\.1 400 Bad Request/, request);
      assert.equal(body, answer ?? 'Bad Request\n', request);
    }
    assert.equal((await host.stats()).totals.errors, 0, 'it was the fault of the request');
  });
}

test('a Fetch handler without the optional peer is refused with what to install', async (t) => {
  const folder = temporaryFolder(t);
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'prefork'), { recursive: true });
  for (const part of ['package.json', 'dist']) {
    cpSync(join(PROJECT, part), join(modules, 'prefork', part), { recursive: true });
  }
  for (const name of ['debug', 'eventemitter3', 'signal-exit']) {
    symlinkSync(join(PROJECT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(folder, 'app.mjs'), 'export default { fetch: () => new Response() };');
  const host = [
    "import { Arbiter } from 'prefork';",
    "const error = await new Arbiter({ app: './app.mjs', bind: '127.0.0.1:0', workers: 1 }).start().catch((e) => e);",
    'console.log(error.code, error.cause.message);',
  ];
  writeFileSync(join(folder, 'host.mjs'), host.join('\n'));
  const program = new Program(t, process.execPath, ['host.mjs'], { cwd: folder });
  const [, message] = await program.printed(/^ERR_APP_LOAD (.*)$/m);
  assert.equal(
    message,
    'an application with fetch() is served through the package @hono/node-server, which is missing: ' +
      'npm install @hono/node-server',
  );
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});
