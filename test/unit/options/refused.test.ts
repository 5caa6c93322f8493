import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { Arbiter } from '../../../build/index.js';
import type { ArbiterOptions } from '../../../build/options/types.js';
import { validateOptions } from '../../../build/options/validate.js';
import { SyncWorker } from '../../../build/worker/classes/sync.js';
import { assertInvalid, passesOrIsRefused } from '../invalid.js';

type Wrong = readonly [value: unknown, expected: string, got: string, option?: string];

const app = './app.js';
const DURATION = 'milliseconds from 0 to 2147483647';
const wrongDurations: readonly Wrong[] = [
  [-1, DURATION, 'got -1'],
  [Number.NaN, DURATION, 'got NaN'],
  [Number.POSITIVE_INFINITY, DURATION, 'got Infinity'],
  // A timer of Node would fire at once with such a delay.
  [2 ** 31, DURATION, 'got 2147483648'],
  ['30s', DURATION, "got '30s'"],
  [null, DURATION, 'got null'],
];
const wrongAccounts: readonly Wrong[] = [
  ['', 'a name or a number', "got ''"],
  ['www data', 'a name or a number', "got 'www data'"],
  // id(1) would take it for a flag.
  ['-u', 'a name or a number', "got '-u'"],
  [-1, 'a name or a number', 'got -1'],
  [1.5, 'a name or a number', 'got 1.5'],
  // (uid_t)-1 means "leave it as it is" to setuid(2).
  [2 ** 32 - 1, 'a name or a number', 'got 4294967295'],
  [null, 'a name or a number', 'got null'],
];

// Typed by the options themselves: an option without a row does not compile.
const WRONG: Readonly<Record<keyof ArbiterOptions, readonly Wrong[]>> = {
  app: [
    [undefined, 'a module specifier', 'got undefined'],
    [null, 'a module specifier', 'got null'],
    [42, 'a module specifier', 'got 42'],
    [{}, 'a module specifier', 'got {}'],
    ['', 'not empty', "got ''"],
    ['./a\0.js', 'no NUL', 'got '],
    ['#name', "'./app.js#name'", "got '#name'"],
    [new URL('https://example.org/app.js'), 'a file: URL', "got 'https://example.org/app.js'"],
  ],
  name: [
    ['', '1 to 64 printable characters', "got ''"],
    ['a\nb', '1 to 64 printable characters', "got 'a\\nb'"],
    ['x'.repeat(65), '1 to 64 printable characters', 'got '],
    [1, '1 to 64 printable characters', 'got 1'],
    [null, '1 to 64 printable characters', 'got null'],
  ],
  workers: [0, -1, 1.5, '2', Number.NaN, null, 4_097, 1e9].map(
    (value): Wrong => [value, 'an integer from 1 to 4096', 'got '],
  ),
  workerClass: [
    [class Mine {}, 'a subclass of Worker', 'got [class Mine]'],
    ['gevent', "expected 'sync', 'threaded', 'async'", "got 'gevent'"],
    [null, "expected 'sync', ", 'got null'],
    // This value has no toString.
    [Object.create(null), "expected 'sync', ", 'got '],
    [SyncWorker, 'a module specifier such as', 'got [class SyncWorker'],
  ],
  threads: [0, 257, 1.5, '4', null].map((value): Wrong => [value, 'an integer from 1 to 256', 'got ']),
  resourceLimits: [
    [null, 'a plain object', 'got null'],
    [{ heap: 1 }, 'limits out of maxOldGenerationSizeMb', "got 'heap'"],
    [{ stackSizeMb: 0 }, 'megabytes, above 0', 'got 0', 'resourceLimits.stackSizeMb'],
  ],
  workerConnections: [0, -1, 1.5, '10', null].map((value): Wrong => [value, 'an integer of at least 1', 'got ']),
  // An http.Server takes whole milliseconds only.
  keepAlive: [...wrongDurations, [1.5, 'milliseconds', '1.5']],
  tls: [
    [null, 'a plain object', 'got null'],
    [{ SNICallback: () => undefined }, 'plain data or a file URL', '', 'tls.SNICallback'],
    [{ key: new URL('https://example.org/key.pem') }, 'plain data or a file URL', '', 'tls.key'],
  ],
  ticketKeyRotation: wrongDurations,
  http2: [[1, 'true or false', 'got 1']],
  requestBuffer: [-1, 1.5, 2 ** 31, '1', null].map(
    (value): Wrong => [value, 'an integer from 0 to 2147483647', 'got '],
  ),
  allowHalfOpen: [0, 'yes', null].map((value): Wrong => [value, 'true or false', 'got ']),
  bind: [
    [null, "'host:port'", 'got null'],
    [[], 'at least one address', 'got []'],
    [8000, "'host:port'", 'got 8000'],
    ['localhost', "'host:port'", "got 'localhost'"],
    [[':80', 'x'], "'host:port'", "got 'x'", 'bind[1]'],
    ['systemd:', "'systemd:' and 1 to 255 printable", "got 'systemd:'"],
  ],
  backlog: [0, -1, 2 ** 31, 1.5, '1', null].map((value): Wrong => [value, 'an integer from 1 to 2147483647', 'got ']),
  timeout: wrongDurations,
  watchdog: [0, 'on', null].map((value): Wrong => [value, 'true or false', 'got ']),
  slowAfter: [...wrongDurations, [30_000, 'less than timeout, which is 30000, or 0', 'got 30000']],
  bootTimeout: wrongDurations,
  gracefulTimeout: wrongDurations,
  drainDelay: wrongDurations,
  spares: [-1, 1.5, '1', Number.NaN, null, 4_097].map((value): Wrong => [value, 'an integer from 0 to 4096', 'got ']),
  surge: [
    ...[0, -1, 1.5, '1', '0%', '101%', '25 %', '', null, Number.NaN, 4_097].map(
      (value): Wrong => [value, "a number of workers, from 1 to 4096, or a share of them from '1%' to '100%'", 'got '],
    ),
  ],
  maxRequests: [-1, 1.5, '1', Number.NaN, null].map(
    (value): Wrong => [value, 'an integer from 0 to 1000000000', 'got '],
  ),
  maxRequestsJitter: [
    ...[-1, 1.5, '1', null].map((value): Wrong => [value, 'an integer from 0 to 1000000000', 'got ']),
    [20, '0, since maxRequests is 0', 'got 20'],
  ],
  maxMemory: [
    ...[-1, 2 ** 20 + 0.5, '1', Number.NaN, Number.POSITIVE_INFINITY, null],
    // Whoever writes 512 means megabytes.
    ...[1, 512, 2 ** 20 - 1],
  ].map((value): Wrong => [value, '0 or an integer of at least 1048576 bytes', 'got ']),
  headersTimeout: [...wrongDurations, [1.5, 'an integer', 'Received 1.5']],
  requestTimeout: [...wrongDurations, [1.5, 'an integer', 'Received 1.5']],
  maxHeaderSize: [-1, 1.5, '1', null].map((value): Wrong => [value, 'an integer from 0 to 2147483647', 'got ']),
  maxHeadersCount: [-1, 1.5, '1', null].map((value): Wrong => [value, 'an integer from 0 to 2147483647', 'got ']),
  server: [
    [null, 'a plain object', 'got null'],
    [[], 'a plain object', 'got []'],
    [new Map(), 'a plain object', 'got Map'],
    [{ requestTimeout: 1 }, "at the top level, as 'requestTimeout'", 'got 1', 'server.requestTimeout'],
    [{ ServerResponse: class {} }, 'plain data', 'got [class', 'server.ServerResponse'],
    [{ insecureHTTPParser: 'yes' }, 'boolean', "('yes')", 'insecureHTTPParser'],
    [{ keepAliveTimeout: 1 }, "at the top level, as 'keepAlive'", 'got 1', 'server.keepAliveTimeout'],
    // The message names the option that is at fault, not the first one whose name occurs in Node's message.
    [{ noDelay: true, insecureHTTPParser: 'yes' }, 'boolean', "('yes')", 'insecureHTTPParser'],
    // Node would look at none of these: a property of its servers, an option of another module, a misspelt name.
    [{ maxRequestsPerSocket: 9 }, 'requireHostHeader', 'got 9', 'server.maxRequestsPerSocket'],
    [{ peerMaxConcurrentStreams: 9 }, 'what http.createServer()', 'got 9', 'server.peerMaxConcurrentStreams'],
    [{ nodelay: true }, 'did you mean noDelay?', 'got true', 'server.nodelay'],
    // Node looks at this option only when a connection comes.
    [{ highWaterMark: 1.5 }, 'integer', '1.5', 'server.highWaterMark'],
    // The options reach the workers as JSON, which has no such value.
    [{ lookup: 1n }, 'plain data', 'got ', 'server.lookup'],
  ],
  cwd: [
    ['', 'not empty', "got ''"],
    ['/a\0b', 'no NUL', 'got '],
    [1, 'a string', 'got 1'],
  ],
  env: [
    [null, 'a plain object', 'got null'],
    [['A=1'], 'a plain object', "got [ 'A=1' ]"],
    [{ A: 1 }, 'a string without NUL, or undefined', 'got 1', 'env.A'],
    [{ A: 'x\0' }, 'a string without NUL, or undefined', 'got ', 'env.A'],
    [{ 'A=B': 'x' }, "names without '='", "got 'A=B'"],
    [{ '': 'x' }, 'names', "got ''"],
  ],
  execArgv: [
    ['--no-warnings', 'an array of strings', "got '--no-warnings'"],
    [[1], 'an array of strings', 'got [ 1 ]'],
    [['a\0'], 'without NUL', 'got '],
    // biome-ignore lint/suspicious/noSparseArray: the point of this case.
    [[, 'a'], 'an array of strings', 'got '],
  ],
  user: wrongAccounts,
  group: wrongAccounts,
  umask: [-1, 0o1000, 1.5, '022', null].map((value): Wrong => [value, 'an integer from 0 to 0o777', 'got ']),
  pidFile: [
    ['', 'not empty', "got ''"],
    ['/run/a\0.pid', 'no NUL', 'got '],
    [true, 'a string', 'got true'],
  ],
  notify: [[1, 'true or false', 'got 1']],
  control: [
    [true, "false, 'unix:/path', { path, mode } or { host, port, token }", 'got true'],
    ['127.0.0.1:9000', "'unix:/path'", "got '127.0.0.1:9000'"],
    // A token, and a JSON text with a token, whose end a shell has cut off.
    ['abc/def+0123456789', "'unix:/path'", "got 'a string of 18 characters'"],
    ['{"port":9000,"token":"abc"', "'unix:/path'", "got 'a string of 26 characters'"],
    ['token:abc/def+0123456789', "'unix:/path'", "got 'a string of 24 characters'"],
    ['http://127.0.0.1:9000/#token=abc', "'unix:/path'", "got 'a string of 32 characters'"],
    ['http://127.0.0.1:9000', "'unix:/path'", "got 'http://127.0.0.1:9000'"],
    [['abc/def+0123456789'], "'unix:/path'", "got 'an array of 1'"],
    ['unix:control', 'an absolute path', "got 'control'"],
    [
      `unix:/${'x'.repeat(107)}`,
      `a path of at most ${process.platform === 'linux' ? 106 : 101} bytes in that folder`,
      'of 108',
    ],
    [{ path: '/run/c', mode: 0o666 }, 'gives nothing to other users', "got '0o666'", 'control.mode'],
    [{ path: '/run/c', token: 'x'.repeat(16) }, '{ path, mode }', "token: '…'"],
    [{ host: '0.0.0.0', port: 9000, token: 'x'.repeat(16) }, 'of this machine alone', "got '0.0.0.0'", 'control.host'],
    ...['constructor', 'toString', '__proto__', 'hasOwnProperty'].map(
      (host): Wrong => [
        { host, port: 9000, token: 'x'.repeat(16) },
        "'127.0.0.1', '::1' or 'localhost'",
        `got '${host}'`,
        'control.host',
      ],
    ),
    [{ host: '::1', port: 70_000, token: 'x'.repeat(16) }, 'from 0 to 65535', 'got 70000', 'control.port'],
    [{ port: 9000 }, 'at least 16 printable ASCII characters', 'got undefined', 'control.token'],
    [{ port: 9000, token: 'secret' }, 'at least 16 printable', "got 'one of 6 characters'", 'control.token'],
    [{ port: 9000, token: `${'x'.repeat(20)} ` }, 'without spaces', "got 'one with other characters'", 'control.token'],
  ],
  signals: [
    [null, 'a plain object', 'got null'],
    ['SIGINT', 'a plain object', "got 'SIGINT'"],
    [['SIGINT'], 'a plain object', "got [ 'SIGINT' ]"],
    [{ SIGFOO: true }, 'SIGTERM, SIGINT, SIGQUIT, SIGTTIN, SIGTTOU, SIGHUP', "got 'SIGFOO'"],
    [{ SIGINT: 1 }, 'true or false', 'got 1', 'signals.SIGINT'],
  ],
  logger: [
    ...[null, 1, 'pino', []].map((value): Wrong => [value, 'true, false, or a logger with the methods debug', 'got ']),
    [{}, 'a method, since a logger has debug, info, warn, error', 'got undefined', 'logger.debug'],
    [{ ...console, warn: 'no' }, 'a method', "got 'no'", 'logger.warn'],
    [{ ...console, reopen: true }, 'a method', 'got true', 'logger.reopen'],
    // A function may be a logger too, if it has the methods.
    [() => undefined, 'a method', 'got undefined', 'logger.debug'],
  ],
  accessLog: [
    ...[null, 1, [], { file: 'a' }].map((value): Wrong => [value, "true, false, the path of a file, '-'", 'got ']),
    ['', 'not empty', "got ''"],
    ['a\0', 'no NUL', 'got '],
    [{ path: 1 }, 'a string', 'got 1', 'accessLog.path'],
    [{ stream: 'a' }, 'a writable stream', "got 'string'", 'accessLog.stream'],
    [{ path: 'a', stream: process.stderr }, "'path' or 'stream', not both", "got 'a'"],
    [{ format: 'long' }, "'common', 'combined', 'json'", "got 'long'", 'accessLog.format'],
  ],
  accessLogFormat: [
    ...['', 'apache', '%(x)s', '%h', '%(h)', '100%', '%(h)s\n', '%(h)s\u2028', '%({a}x)s', '%({}i)s', 1, null].map(
      (value): Wrong => [value, "'common', 'combined', 'json', or a line of printable ASCII with atoms", 'got '],
    ),
  ],
  trustProxy: [
    ...[
      null,
      1,
      [],
      {},
      '',
      'localhost',
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/',
      '10.0.0/8',
      'fe80::1%eth0',
      '1.2.3.4/08',
      [1],
    ].map((value): Wrong => [value, "true, false, or addresses and subnets of the proxies: '10.0.0.1'", 'got ']),
    [{ from: 'unix', header: 'via' }, "'forwarded' or 'x-forwarded-for'", "got 'via'", 'trustProxy.header'],
    [{ from: 'unix', to: 1 }, "'from' and 'header'", "got 'to'"],
  ],
  proxyProtocol: [[1, 'true or false', 'got 1']],
  requestId: [
    ...[null, 1, '', 'a b', 'a:', 'é', []].map((value): Wrong => [value, 'the name of a header', 'got ']),
    ...['Host', 'content-length'].map((value): Wrong => [value, 'a header for ids alone', `got '${value}'`]),
  ],
};

for (const [option, rows] of Object.entries(WRONG)) {
  test(`${option}: wrong values are refused by name`, async (t) => {
    for (const [value, expected, got, blamed = option] of rows) {
      await t.test(`${inspect(value, { depth: 1 }).slice(0, 60)}, not ${expected}`, () => {
        assertInvalid(() => validateOptions({ app, [option]: value }), `option '${blamed}'`, expected, got);
      });
    }
  });
}

test('headersTimeout beyond requestTimeout, in either order and against the default', () => {
  for (const options of [
    { headersTimeout: 4000, requestTimeout: 2000 },
    { requestTimeout: 2000, headersTimeout: 4000 },
    { headersTimeout: 300_001 },
  ]) {
    const got = `Received ${options.headersTimeout}`;
    assertInvalid(() => validateOptions({ app, ...options }), "option 'headersTimeout'", '<= requestTimeout', got);
  }
  // Without a limit for the whole request, the head has no limit to exceed.
  validateOptions({ app, headersTimeout: 300_001, requestTimeout: 0 });
});

test('limits of threads are numbers that reach them', () => {
  // JSON, which brings the limits to the workers, would turn these values into null.
  for (const stackSizeMb of [Number.POSITIVE_INFINITY, Number.NaN]) {
    const check = (): unknown => validateOptions({ app, workerClass: 'threaded', resourceLimits: { stackSizeMb } });
    assertInvalid(check, "option 'resourceLimits.stackSizeMb'", 'megabytes, above 0', `got ${stackSizeMb}`);
  }
});

test('a jitter is refused also beside a maxRequests that says 0', () => {
  const options = { app, maxRequests: 0, maxRequestsJitter: 5 };
  assertInvalid(() => validateOptions(options), "option 'maxRequestsJitter'", '0, since maxRequests is 0', 'got 5');
});

test('tls: what it names is read and tried when the Arbiter is made', () => {
  for (const [tls, expected] of [
    [{}, "expected 'key' and 'cert', or 'pfx', got none of these"],
    [{ ca: 'x', key: 'x' }, "expected 'key' and 'cert', or 'pfx', got 'key' alone"],
    [{ key: 'x', cert: 'y' }, 'expected what tls.createServer() of Node takes, got what it refuses: error:'],
    [{ key: 'x', cert: 'y' }, 'PEM'],
    [{ key: new URL('file:///missing.pem') }, 'a file that it names cannot be read: ENOENT'],
  ] as const) {
    assertInvalid(() => new Arbiter({ app, tls }), "option 'tls'", expected, '');
  }
});

test('unknown options are refused', () => {
  assertInvalid(
    () => validateOptions({ app, worker: 2 }),
    "option 'worker' is unknown",
    'known are: app, name, workers',
  );
  // An own property of that name, as JSON.parse makes it, is an unknown option. It is nobody's prototype.
  assertInvalid(
    () => validateOptions(JSON.parse('{"app":"./app.js","__proto__":{"workers":3}}')),
    "option '__proto__'",
  );
});

test('the options themselves must be a plain object', () => {
  for (const value of [undefined, null, 1, 'app', [], new (class Options {})()]) {
    assertInvalid(() => validateOptions(value), "option 'options'", 'a plain object', 'got ');
  }
  assert.equal(validateOptions(Object.assign(Object.create(null), { app })).name, 'prefork');
});

test('whatever comes, nothing but ERR_INVALID_OPTION is thrown', () => {
  const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true, withDate: true });
  const option = fc.constantFrom(...Object.keys(WRONG));
  fc.assert(
    fc.property(option, anything, (name, value) => passesOrIsRefused(() => validateOptions({ app, [name]: value }))),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(anything, (value) => passesOrIsRefused(() => validateOptions(value))));
});

test('what every object has by itself is no value of an option, nor a part of one', () => {
  const inherited = Object.getOwnPropertyNames(Object.prototype);
  const unit = (name: string): string => `5${name}`;
  for (const option of Object.keys(WRONG)) {
    for (const name of [...inherited, ...inherited.map(unit)]) {
      for (const value of [name, [name], { [name]: name }, { path: name, format: name }, { from: name }]) {
        passesOrIsRefused(() => validateOptions({ app, [option]: value }));
      }
    }
  }
  for (const name of inherited) {
    assertInvalid(() => validateOptions({ app, accessLogFormat: name }), "option 'accessLogFormat'", `got '${name}'`);
    assert.throws(
      () => validateOptions({ app, workerClass: name }),
      ({ message }: Error) => !/here$/.test(message),
    );
    assert.throws(
      () => validateOptions({ app, timeout: unit(name) }),
      ({ message }: Error) => !/NaN/.test(message),
    );
  }
});
