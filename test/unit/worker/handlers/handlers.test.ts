import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import http, { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import test, { type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import vm from 'node:vm';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import type { RequestListener } from 'prefork';
import { WebSocket, WebSocketServer } from 'ws';
import { type AppKind, recognizeApp } from '../../../../build/options/application.js';
import { validateOptions } from '../../../../build/options/validate.js';
import { createListener } from '../../../../build/worker/handlers/handlers.js';
import type { Listener } from '../../../../build/worker/handlers/listener.js';
import { listenToOthers } from '../../../../build/worker/http/special-requests.js';
import { assertInvalid } from '../../invalid.js';

const SERVED =
  'a function (request, response) => …, an object with callback() (Koa), with routing() and ready() (Fastify), with ' +
  'init(), getHttpServer() and close() (Nest) or with fetch() (Hono and other Fetch handlers), or an http.Server that ' +
  'does not listen';
const none = (): void => undefined;
const refuse = (expected: string, got: string): Error => new Error(`expected ${expected}, got ${got}`);

/** Like an itty-router: it has a method of any name that it is asked for, and one property. */
const inventive = Object.setPrototypeOf({ fetch: none }, new Proxy({}, { get: () => none }));
/** A server that another copy of the module has made. */
const foreign = Object.assign(new EventEmitter(), {
  listening: false,
  listen: none,
  close: none,
  maxHeadersCount: null,
});

/** A NestApplication, as far as it matters here. */
const nest = (server: unknown = http.createServer(none), more: object = {}): object => ({
  init: async () => undefined,
  getHttpServer: () => server,
  close: async () => undefined,
  ...more,
});

const KNOWN: readonly (readonly [what: string, kind: AppKind, app: unknown])[] = [
  ['a function', 'listener', none],
  ['an async function', 'listener', async () => undefined],
  // The source of this function begins like that of a class.
  ['a method called class', 'listener', { class(): void {} }.class],
  ['an Express application', 'listener', express()],
  ['a function with a fetch', 'listener', Object.assign(() => undefined, { fetch: none })],
  ['a function of another realm', 'listener', vm.runInNewContext('() => {}')],
  ['a Koa application', 'callback', new Koa()],
  ['a Koa application with a fetch', 'callback', Object.assign(new Koa(), { fetch: none })],
  ['a Fastify instance', 'routing', fastify()],
  ['a Fastify instance with a fetch', 'routing', fastify().decorate('fetch', none)],
  ['a NestApplication', 'init', nest()],
  ['a NestApplication with a fetch and a callback', 'init', nest(undefined, { fetch: none, callback: none })],
  ['one that has its server only when it is initialised', 'init', nest(null)],
  ['a Koa application with init and close', 'callback', Object.assign(new Koa(), { init: none, close: none })],
  ['a Fetch handler with init and close', 'fetch', { fetch: none, init: none, close: none }],
  ['a Hono application', 'fetch', new Hono()],
  ['an object with fetch', 'fetch', { fetch: none, port: 8000 }],
  [
    'an instance with fetch',
    'fetch',
    new (class Service {
      fetch(): void {}
    })(),
  ],
  ['a router that invents methods', 'fetch', inventive],
  ['a server', 'server', http.createServer()],
  ['a server of a subclass', 'server', new (class Mine extends http.Server {})()],
  ['a server of another copy of http', 'server', foreign],
];

for (const [what, kind, app] of KNOWN) {
  test(`${what} is served as: ${kind}`, () => {
    assert.equal(recognizeApp(app, refuse).kind, kind);
    assert.deepEqual(validateOptions({ app }).source, { form: 'inline' });
  });
}

class App {
  fetch(): void {}
}
const PLAIN = 'without TLS, since the workers do not use its certificate';
const REFUSED: readonly (readonly [what: string, app: unknown, expected: string, got: string])[] = [
  ['undefined', undefined, SERVED, 'got undefined'],
  ['null', null, SERVED, 'got null'],
  ['an empty object', {}, SERVED, 'got {}'],
  ['data', { port: 8000 }, SERVED, 'got { port: 8000 }'],
  ['an array', [none], SERVED, 'got [ [Function: none] ]'],
  ['a class', App, `${SERVED}; of a class, an instance`, 'got [class App]'],
  ['fetch that is no function', { fetch: 'yes' }, SERVED, "got { fetch: 'yes' }"],
  ['routing without ready', { routing: none }, SERVED, 'got { routing: [Function: none] }'],
  ['an instance of something else', new Map([[1, 2]]), SERVED, 'got [Map]'],
  ['a net.Server', net.createServer(), SERVED, 'got [Server]'],
  ['an https.Server', https.createServer(), `a server ${PLAIN}`, 'got one with TLS'],
  ['a Fastify instance with https', fastify({ https: {} }), `a Fastify instance ${PLAIN}`, 'got one with TLS'],
  ['a secure server of http2', http2.createSecureServer(), SERVED, 'got [Http2SecureServer]'],
  ['a server of http2', http2.createServer(), SERVED, 'got [Http2Server]'],
  [
    'a server that listens',
    Object.assign(Object.create(foreign), { listening: true }),
    'a server that does not listen, since the workers accept for it',
    'got one that listens already; remove its listen()',
  ],
  [
    'a NestApplication that listens',
    nest(Object.assign(Object.create(foreign), { listening: true })),
    'a NestApplication that does not listen, since the workers accept for it',
    'got one that listens already; remove its listen()',
  ],
  ['a NestApplication with httpsOptions', nest(https.createServer()), `a NestApplication ${PLAIN}`, 'got one with TLS'],
  [
    'a context or a microservice of Nest',
    new (class NestMicroservice {
      readonly isInitialized = false;
      init(): void {}
      close(): void {}
    })(),
    'a NestApplication: what NestFactory.create() resolves to, with getHttpServer()',
    'got [NestMicroservice]',
  ],
  [
    'a Fastify instance that listens',
    { routing: none, ready: none, server: Object.assign(Object.create(foreign), { listening: true }) },
    'a Fastify instance that does not listen, since the workers accept for it',
    'got one that listens already; remove its listen()',
  ],
];

for (const [what, app, expected, got] of REFUSED) {
  test(`${what} is refused, by the options and by the worker`, async () => {
    assertInvalid(
      () => validateOptions({ app }),
      "option 'app'",
      `expected a module specifier, a URL, ${expected}`,
      got,
    );
    const message = `expected as the application ${expected}, ${got}`;
    await assert.rejects(createListener(app), { name: 'TypeError', message });
    await assert.rejects(createListener(Promise.resolve(app)), { name: 'TypeError', message });
  });
}

test('a string is a module to the options, and nothing to a worker', async () => {
  await assert.rejects(createListener('./app.js'), { name: 'TypeError', message: /got '\.\/app\.js'$/ });
});

test('a promise is awaited, and its rejection is the error', async () => {
  assert.deepEqual(await createListener(Promise.resolve(none)), { request: none });
  const error = new Error('no application');
  await assert.rejects(createListener(Promise.reject(error)), error);
});

test('a function is the listener itself, and has nothing else', async () => {
  assert.deepEqual(await createListener(none), { request: none });
});

test('callback() is called once, as a method, and must give a function', async () => {
  const app = {
    calls: 0,
    callback(): unknown {
      this.calls++;
      return none;
    },
  };
  assert.deepEqual(await createListener(app), { request: none });
  assert.equal(app.calls, 1);
  const message = 'expected a function from callback() of the application, got undefined';
  await assert.rejects(createListener({ callback: none }), { name: 'TypeError', message });
});

test('Fastify is made ready, and closed with its hooks', async () => {
  const told: string[] = [];
  const app = fastify();
  app.addHook('onReady', async () => void told.push('onReady'));
  app.addHook('onClose', async () => void told.push('onClose'));
  const { close } = await createListener(app);
  assert.deepEqual(told, ['onReady']);
  await close?.();
  assert.deepEqual(told, ['onReady', 'onClose']);
});

/** A listener, with members that are not in the declarations. */
type Inner = Listener & { own?: { server: Server }; beside?: Server };

test('a NestApplication is initialised, its server is fed, and it is closed once', async () => {
  const told: string[] = [];
  const server = http.createServer(none);
  const app = nest(undefined, {
    async init() {
      await turn();
      told.push('init');
    },
    getHttpServer: () => (told.includes('init') ? server : undefined),
    close: async () => void told.push('close'),
  });
  const listener = (await createListener(app)) as Inner;
  assert.deepEqual([told, listener.own?.server], [['init'], server]);
  await listener.close?.();
  assert.deepEqual(told, ['init', 'close']);
});

test('a NestApplication on Fastify: that is made ready, and served as it is', async (t) => {
  const told: string[] = [];
  const instance = fastify();
  instance.addHook('onReady', async () => void told.push('onReady'));
  instance.addHook('preClose', async () => void told.push('preClose'));
  instance.get('/', async () => 'from Fastify');
  const app = nest(instance.server, {
    init: async () => void told.push('init'),
    getHttpAdapter: () => ({ getInstance: () => instance }),
    async close() {
      told.push('close');
      await instance.close();
    },
  });
  const listener = (await createListener(app)) as Inner;
  assert.deepEqual([told, listener.beside, listener.own], [['init', 'onReady'], instance.server, undefined]);
  assert.equal(await (await fetch(`http://${await serve(t, listener)}/`)).text(), 'from Fastify');
  await listener.drain?.();
  assert.deepEqual(told, ['init', 'onReady', 'preClose']);
  await listener.close?.();
  assert.deepEqual(told, ['init', 'onReady', 'preClose', 'close']);
});

test('a NestApplication without a server that can be served says so when it is initialised', async () => {
  const expected = 'expected as the application a NestApplication whose getHttpServer() returns an http.Server';
  for (const [server, got] of [
    [null, 'null'],
    [http2.createServer(), '[Http2Server]'],
    [net.createServer(), '[Server]'],
  ] as const) {
    const message = `${expected}, got one that returns ${got}`;
    await assert.rejects(createListener(nest(server)), { name: 'TypeError', message });
  }
  const error = new Error('no database');
  await assert.rejects(createListener(nest(undefined, { init: async () => Promise.reject(error) })), error);
});

test('a NestApplication that listens in its init() is refused', async (t) => {
  const server = http.createServer(none);
  t.after(() => server.close());
  const init = async (): Promise<void> => void server.listen(0, '127.0.0.1');
  await assert.rejects(createListener(nest(server, { init })), {
    name: 'TypeError',
    message: /a NestApplication that does not listen, .* got one that listens already; remove its listen\(\)$/,
  });
});

/** Serves the listeners of an application by a server in the place of the worker's own. Returns the address. */
async function serve(t: TestContext, listener: Listener): Promise<string> {
  const server = (listener as Inner).own?.server ?? http.createServer();
  const same = (listener: RequestListener): RequestListener => listener;
  const answer: RequestListener = listenToOthers({ server, front: server, limited: same, drain: none }, listener, {
    ...{ upgrades: true, http2: false, onUnserved: none },
    onRequest: (...args) => answer(...args),
    serve: (request, response, serve) => serve(request, response),
    ...{ onGiven: none, answered: async () => undefined, underWay: () => [], onTimeout: none, connections: () => [] },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

/** The answer to a message over a WebSocket. */
async function echo(address: string, message: string): Promise<string> {
  const socket = new WebSocket(`ws://${address}/`);
  await once(socket, 'open');
  socket.send(message);
  const [answer] = await once(socket, 'message');
  socket.terminate();
  return String(answer);
}

function acceptSockets(server: Server): void {
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(`echo ${message}`)));
}

test('upgrades of a server, which has no request listener: 404 for what is no upgrade', async (t) => {
  const server = http.createServer();
  acceptSockets(server);
  const address = await serve(t, await createListener(server));
  assert.equal(await echo(address, 'server'), 'echo server');
  const answer = await fetch(`http://${address}/`);
  assert.deepEqual([answer.status, await answer.text()], [404, 'Not Found\n']);
});

test('upgrades of the server of Fastify', async (t) => {
  const app = fastify();
  acceptSockets(app.server);
  app.get('/', async () => 'from Fastify');
  const address = await serve(t, await createListener(app));
  assert.equal(await echo(address, 'fastify'), 'echo fastify');
  assert.equal(await (await fetch(`http://${address}/`)).text(), 'from Fastify');
});

test('a server without further listeners has none', async () => {
  assert.deepEqual(Object.keys(await createListener(http.createServer(none))), ['own', 'request', 'close']);
});

test('CONNECT, Expect and malformed requests of a server go to its own listeners', async (t) => {
  const server = http.createServer(none);
  server.on('connect', (_request, socket) => socket.end('HTTP/1.1 200 connect\r\n\r\n'));
  server.on('checkContinue', (_request, response) => response.writeHead(200, 'continue').end());
  server.on('checkExpectation', (_request, response) => response.writeHead(200, 'expectation').end());
  server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 malformed\r\n\r\n'));
  const [hostname, port] = (await serve(t, await createListener(server))).split(':');
  for (const [head, reason] of [
    ['CONNECT a:1 HTTP/1.1\r\nHost: a', 'HTTP/1.1 200 connect'],
    ['POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue', 'HTTP/1.1 200 continue'],
    ['POST / HTTP/1.1\r\nHost: a\r\nExpect: something', 'HTTP/1.1 200 expectation'],
    ['nonsense', 'HTTP/1.1 400 malformed'],
  ]) {
    const socket = net.connect(Number(port), hostname).end(`${head}\r\n\r\n`);
    const [data] = await once(socket, 'data');
    assert.equal(String(data).split('\r\n')[0], reason);
    socket.destroy();
  }
});

/** A request that no client sent, and its response. */
function exchange(): [IncomingMessage, ServerResponse] {
  const request = new http.IncomingMessage(new net.Socket());
  return [request, new ServerResponse(request)];
}

test('the listeners of a server: called on it, all of them, those of `once` once, and as they are now', async () => {
  const server = http.createServer();
  const calls: string[] = [];
  server.once('request', () => calls.push('first'));
  server.on('request', function (this: unknown) {
    calls.push(this === server ? 'second' : 'with a foreign this');
  });
  const { request } = await createListener(server);
  await request(...exchange());
  await request(...exchange());
  assert.deepEqual(calls, ['first', 'second', 'second']);
  server.removeAllListeners('request').on('request', () => calls.push('replaced'));
  await request(...exchange());
  assert.equal(calls.at(-1), 'replaced');
});

test('what a listener of a server throws or rejects with comes back to the worker', async () => {
  const error = new Error('of a listener');
  for (const listeners of [
    [async () => Promise.reject(error)],
    [none, async () => Promise.reject(error)],
    [
      // If nobody took care of it, this rejection would be an unhandled one.
      async () => {
        await turn();
        throw new Error('of another');
      },
      () => {
        throw error;
      },
    ],
  ]) {
    const server = http.createServer();
    for (const listener of listeners) server.on('request', listener);
    const { request } = await createListener(server);
    await assert.rejects(async () => request(...exchange()), error);
    await turn();
  }
});

test("close() of a server emits 'close', for what hangs on it", async () => {
  const server = http.createServer(none);
  let closed = 0;
  server.on('close', () => closed++);
  const { close } = await createListener(server);
  await close?.();
  assert.equal(closed, 1);
});
