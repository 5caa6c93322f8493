import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import test, { beforeEach } from 'node:test';
import pino from 'pino';
import { LIBRARY } from '../../../build/options/library.js';
import { MASTER_SIGNALS } from '../../../build/options/records/processes.js';
import { validateOptions } from '../../../build/options/validate.js';
import { assertInvalid } from '../invalid.js';

const app = './app.js';

function setVariable(value: string): void {
  process.env['WEB_CONCURRENCY'] = value;
}
beforeEach(() => {
  delete process.env['WEB_CONCURRENCY'];
});

test('defaults', () => {
  assert.deepEqual(validateOptions({ app }), {
    source: { form: 'module', specifier: app },
    workerClass: { name: 'sync', inline: undefined, threads: 0 },
    serving: {
      workerConnections: 1000,
      keepAlive: 5_000,
      threads: 4,
      http2: false,
      requestBuffer: 1_048_576,
      allowHalfOpen: false,
    },
    tls: undefined,
    ticketKeyRotation: 43_200_000,
    app,
    name: 'prefork',
    workers: availableParallelism(),
    spares: 0,
    bind: [{ kind: 'systemd', name: undefined, otherwise: { kind: 'tcp', host: '127.0.0.1', port: 8000 } }],
    backlog: 2048,
    clocks: { timeout: 30_000, watchdog: true, slowAfter: 0, bootTimeout: 60_000 },
    gracefulTimeout: 30_000,
    drainDelay: 0,
    surge: { percent: 25 },
    recycle: { maxRequests: 0, maxRequestsJitter: 0, maxMemory: 0 },
    http: {},
    cwd: process.cwd(),
    argv: process.argv,
    library: LIBRARY,
    env: {},
    execArgv: process.execArgv,
    user: undefined,
    group: undefined,
    umask: undefined,
    pidFile: undefined,
    notify: true,
    control: false,
    signals: MASTER_SIGNALS,
    logger: true,
    accessLog: false,
    accessLogFormat: 'combined',
    trustProxy: false,
    proxyProtocol: false,
    requestId: false,
  });
});

test('an option that is undefined is one that was not given', () => {
  const nothing = {
    name: undefined,
    workers: undefined,
    bind: undefined,
    server: undefined,
    env: undefined,
    umask: undefined,
  };
  assert.deepEqual(validateOptions({ ...nothing, app }), validateOptions({ app }));
});

test('WEB_CONCURRENCY is the default of workers, and wrong only where it is used', () => {
  setVariable('7');
  assert.equal(validateOptions({ app }).workers, 7);
  assert.equal(validateOptions({ app, workers: 3 }).workers, 3);
  setVariable('');
  assert.equal(validateOptions({ app }).workers, availableParallelism());
  for (const value of ['0', '-1', '1.5', 'two', ' 2', '0x2', '1e3', '9999999', '4097']) {
    setVariable(value);
    assertInvalid(() => validateOptions({ app }), "option 'workers'", 'WEB_CONCURRENCY', `got '${value}'`);
    assert.equal(validateOptions({ app, workers: 3 }).workers, 3);
  }
});

test('values that are as good as others', () => {
  const inline = (): void => undefined;
  assert.deepEqual(validateOptions({ app: inline }).source, { form: 'inline' });
  assert.deepEqual(validateOptions({ app: Promise.resolve(inline) }).source, { form: 'inline' });
  assert.deepEqual(validateOptions({ app: new URL('file:///srv/app.js#name') }).source, {
    form: 'module',
    specifier: 'file:///srv/app.js#name',
  });
  assert.equal(validateOptions({ app, cwd: 'test' }).cwd, resolve('test'));
  assert.deepEqual(validateOptions({ app, signals: false }).signals, []);
  const others = MASTER_SIGNALS.filter((name) => name !== 'SIGINT');
  assert.deepEqual(validateOptions({ app, signals: { SIGINT: false, SIGTERM: true } }).signals, others);
  assert.deepEqual(validateOptions({ app, surge: 3 }).surge, { workers: 3 });
  assert.deepEqual(validateOptions({ app, surge: '100%' }).surge, { percent: 100 });
  const http = { headersTimeout: 1, requestTimeout: 2, maxHeaderSize: 3, maxHeadersCount: 4 };
  assert.deepEqual(validateOptions({ app, ...http, server: { noDelay: false } }).http, { noDelay: false, ...http });
  for (const logger of [true, false, console, pino({ enabled: false })]) {
    assert.equal(validateOptions({ app, logger }).logger, logger);
  }
  for (const limit of [0, 0.5, 2 ** 31 - 1]) {
    const clocks = { timeout: limit, bootTimeout: limit, watchdog: false, slowAfter: 0 };
    assert.deepEqual(validateOptions({ app, ...clocks }).clocks, clocks);
  }
});

test('a part of an option that is undefined is one that was not given', () => {
  const same = (one: object, other: object): void => {
    // The options as the workers get them.
    const sent = (options: object): unknown => JSON.parse(JSON.stringify(validateOptions({ app, ...options })));
    assert.deepEqual(sent(one), sent(other));
  };
  const path = '/s';
  same({ bind: { host: undefined, port: 1 } }, { bind: { port: 1 } });
  same({ bind: { path, mode: undefined, user: undefined, group: undefined } }, { bind: { path } });
  same({ control: { path, mode: undefined } }, { control: { path } });
  same({ accessLog: { path, stream: undefined, format: undefined } }, { accessLog: { path } });
  same({ trustProxy: { from: 'unix', header: undefined } }, { trustProxy: { from: 'unix' } });
  same({ signals: { SIGINT: undefined } }, {});
  same({ server: { noDelay: undefined } }, {});
  const threaded = { workerClass: 'threaded', resourceLimits: {} };
  same({ ...threaded, resourceLimits: { stackSizeMb: undefined } }, threaded);
});

test('limits of recycling', () => {
  const recycle = (options: object): unknown => validateOptions({ app, ...options }).recycle;
  const none = { maxRequests: 0, maxRequestsJitter: 0, maxMemory: 0 };
  assert.deepEqual(recycle(none), none);
  assert.deepEqual(recycle({ maxRequests: 1 }), { ...none, maxRequests: 1 });
  assert.deepEqual(recycle({ maxRequests: 50, maxRequestsJitter: 20 }), {
    ...none,
    maxRequests: 50,
    maxRequestsJitter: 20,
  });
  for (const maxMemory of [2 ** 20, 2 ** 40]) assert.deepEqual(recycle({ maxMemory }), { ...none, maxMemory });
});

test('the environment of this process is one that can be handed on', () => {
  // process.env is an exotic object whose prototype is not Object.prototype itself.
  assert.deepEqual(validateOptions({ app, env: process.env }).env, { ...process.env });
});

test("the user's objects are neither changed nor kept", () => {
  const freeze = <T extends object>(value: T): T => Object.freeze(value);
  const env = { A: '1' };
  const execArgv = ['--no-warnings'];
  const server = { noDelay: false };
  const given = freeze({
    app,
    bind: freeze([':0', freeze({ path: '/tmp/s', mode: 0o600 })]),
    signals: freeze({ SIGINT: false }),
    env: freeze(env),
    execArgv: freeze(execArgv),
    server: freeze(server),
    requestTimeout: 1,
    headersTimeout: 1,
  });
  const resolved = validateOptions(given);
  assert.notEqual(resolved.env, env);
  assert.notEqual(resolved.execArgv, execArgv);
  assert.notEqual(resolved.http, server);
});
