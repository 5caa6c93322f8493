import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';
import fc from 'fast-check';
import { BUILT_IN_CLASSES } from '../../../build/options/records/application.js';
import type { ResolvedOptions } from '../../../build/options/resolved.js';
import { validateOptions } from '../../../build/options/validate.js';
import { AsyncWorker } from '../../../build/worker/classes/async.js';
import { SyncWorker } from '../../../build/worker/classes/sync.js';
import { ThreadedWorker } from '../../../build/worker/classes/threaded.js';
import { Worker } from '../../../build/worker/worker.js';
import { certificate, noCertificates } from '../../helpers/certificate.js';
import { assertInvalid, passesOrIsRefused } from '../invalid.js';

const app = './app.js';
const inline = (): void => undefined;

class Mine extends Worker {
  run(): void {}
  stop(): void {}
}
class MineInThreads extends ThreadedWorker {}

/** Options that only one class has, with that class. */
const OF_ONE_CLASS = { threads: [3, 'threaded'], resourceLimits: [{ stackSizeMb: 4 }, 'threaded'] } as const;

for (const [option, [value, owner]] of Object.entries(OF_ONE_CLASS)) {
  test(`${option} is for the class '${owner}' alone`, () => {
    for (const workerClass of BUILT_IN_CLASSES) {
      const check = (): unknown => validateOptions({ app, workerClass, [option]: value });
      if (workerClass === owner) check();
      else assertInvalid(check, "option 'workerClass'", `'${owner}'`, `'${option}'`, `got '${workerClass}'`);
    }
    // The default class is one of the others.
    assertInvalid(() => validateOptions({ app, [option]: value }), "option 'workerClass'", "got 'sync'");
    // A class of the user may have any use for the option.
    validateOptions({ app, workerClass: './mine.js#Mine', [option]: value });
    validateOptions({ app: inline, workerClass: Mine, [option]: value });
  });
}

test('the PROXY protocol is for proxies that are named', () => {
  const check = (): unknown => validateOptions({ app, proxyProtocol: true });
  assertInvalid(check, "option 'proxyProtocol'", "'trustProxy'", 'got true');
  assertInvalid(() => validateOptions({ app, proxyProtocol: true, trustProxy: false }), "'trustProxy'");
  validateOptions({ app, proxyProtocol: true, trustProxy: 'loopback' });
  validateOptions({ app, proxyProtocol: false });
});

test('the format of the access log is said once', () => {
  const format = 'json';
  const check = (): unknown => validateOptions({ app, accessLog: { path: 'a', format }, accessLogFormat: format });
  assertInvalid(check, "option 'accessLogFormat'", "here or as 'accessLog.format'", "got 'json'");
  validateOptions({ app, accessLog: { path: 'a', format } });
  validateOptions({ app, accessLog: 'a', accessLogFormat: format });
  validateOptions({ app, accessLogFormat: format });
});

test('slowAfter is below a timeout of requests, and needs somebody who watches', () => {
  for (const workerClass of ['sync', 'threaded'] as const) {
    for (const slowAfter of [1_000, 1_001]) {
      const check = (): unknown => validateOptions({ app, workerClass, timeout: 1_000, slowAfter });
      assertInvalid(check, "option 'slowAfter'", 'less than timeout, which is 1000', `got ${slowAfter}`);
    }
    for (const timeout of [1_000, 0]) validateOptions({ app, workerClass, timeout, slowAfter: 999 });
  }
  // The requests of these classes have no clock.
  validateOptions({ app, workerClass: 'async', timeout: 1_000, slowAfter: 5_000 });
  validateOptions({ app, workerClass: './mine.js#Mine', timeout: 1_000, slowAfter: 5_000 });
  for (const workerClass of ['sync', 'async', './mine.js#Mine'] as const) {
    const check = (): unknown => validateOptions({ app, workerClass, watchdog: false, slowAfter: 10 });
    assertInvalid(check, "option 'slowAfter'", '0, since watchdog is false', 'got 10');
    validateOptions({ app, workerClass, watchdog: false, slowAfter: 0 });
  }
  validateOptions({ app, workerClass: 'threaded', watchdog: false, slowAfter: 10 });
  validateOptions({ app: inline, workerClass: MineInThreads, watchdog: false, slowAfter: 10 });
});

test('http2 is for the class async, and over TLS', { skip: noCertificates }, () => {
  const tls = certificate();
  for (const workerClass of ['sync', 'threaded'] as const) {
    for (const more of [{}, { tls }]) {
      const check = (): unknown => validateOptions({ app, workerClass, http2: true, ...more });
      assertInvalid(check, "option 'workerClass'", "'async'", "'http2'", `got '${workerClass}'`);
    }
    assert.equal(validateOptions({ app, workerClass, http2: false }).serving.http2, false);
  }
  assertInvalid(() => validateOptions({ app, workerClass: 'async', http2: true }), "option 'tls'", "'http2'");
  assert.equal(validateOptions({ app, workerClass: 'async', http2: true, tls }).serving.http2, true);
});

test('ticket keys are renewed where there is TLS, and where the user has brought none', {
  skip: noCertificates,
}, () => {
  const tls = certificate();
  const own = { ...tls, ticketKeys: Buffer.alloc(48, 7) };
  assertInvalid(() => validateOptions({ app, ticketKeyRotation: 1 }), "option 'tls'", "'ticketKeyRotation'");
  const both = (): unknown => validateOptions({ app, tls: own, ticketKeyRotation: 1 });
  assertInvalid(both, "option 'ticketKeyRotation'", "'tls.ticketKeys'", 'got 1');
  // Switching off what is not there is no fault.
  for (const more of [{}, { tls: own }, { tls }]) validateOptions({ app, ticketKeyRotation: 0, ...more });
  assert.equal(validateOptions({ app, tls, ticketKeyRotation: 1 }).ticketKeyRotation, 1);
});

test('a worker without sockets is one of a class of the user', () => {
  for (const workerClass of [undefined, ...BUILT_IN_CLASSES]) {
    const check = (): unknown => validateOptions({ app, workerClass, bind: [] });
    assertInvalid(check, "option 'bind'", 'at least one address', `'${workerClass ?? 'sync'}'`, 'got []');
  }
  assert.deepEqual(validateOptions({ app, workerClass: './mine.js#Mine', bind: [] }).bind, []);
  assert.deepEqual(validateOptions({ app: inline, workerClass: Mine, bind: [] }).bind, []);
});

test('a class goes with an inline app only, since no other script brings it to the workers', () => {
  for (const workerClass of [Mine, SyncWorker, AsyncWorker, ThreadedWorker]) {
    for (const specifier of [app, new URL('file:///srv/app.js')]) {
      const check = (): unknown => validateOptions({ app: specifier, workerClass });
      assertInvalid(check, "option 'workerClass'", './my-worker.js#MyWorker', `got [class ${workerClass.name}`);
    }
    assert.equal(validateOptions({ app: inline, workerClass }).workerClass.inline, workerClass);
  }
});

test('slots for threads are there for whatever may have some', () => {
  const threadsOf = (options: object): number => validateOptions({ app: inline, ...options }).workerClass.threads;
  assert.deepEqual(
    [
      threadsOf({}),
      threadsOf({ workerClass: 'async' }),
      threadsOf({ workerClass: Mine, threads: 3 }),
      threadsOf({ workerClass: 'threaded' }),
      threadsOf({ workerClass: 'threaded', threads: 256 }),
      threadsOf({ workerClass: MineInThreads, threads: 3 }),
      threadsOf({ workerClass: './mine.js#Mine', threads: 3 }),
    ],
    [0, 0, 0, 4, 256, 3, 3],
  );
});

/** What holds for all options that are accepted: no worker can fail on them. */
function assertConsistent({ serving, tls, bind, http, workerClass }: ResolvedOptions): void {
  const builtIn = BUILT_IN_CLASSES.find((name) => name === workerClass.name);
  if (builtIn) assert.ok(bind.length > 0);
  if (serving.http2) assert.ok(tls && (builtIn === 'async' || !builtIn));
  if (serving.resourceLimits) assert.ok(builtIn === 'threaded' || !builtIn);
  if (builtIn === 'sync' || builtIn === 'async') assert.equal(workerClass.threads, 0);
  // Options reach the workers as JSON.
  for (const part of [serving, http]) assert.deepEqual(JSON.parse(JSON.stringify(part)), part);
  createServer({ keepAliveTimeout: serving.keepAlive, ...http });
}

test('the control has paths of its own', () => {
  const path = '/run/s';
  const [second, longer] = [`${path}.2`, `${path}.20`];
  for (const bind of [`unix:${path}`, { path }, [':0', `unix:${path}`]]) {
    const check = (control: string | object) => (): unknown => validateOptions({ app, bind, control });
    assertInvalid(check('unix:/run/s'), "option 'control'", "'bind' has this one", "got '/run/s'");
    assertInvalid(check({ path }), "option 'control.path'", "'bind' has this one", "got '/run/s'");
    for (const other of [second, '/run/s2', '/s']) check({ path: other })();
    check({ port: 0, token: 'x'.repeat(16) })();
  }
  // During an upgrade, the new process is asked at this path while the old one lives.
  const during = (): unknown => validateOptions({ app, bind: `unix:${second}`, control: { path } });
  assertInvalid(
    during,
    "option 'control.path'",
    "'/run/s.2' is its own during an upgrade",
    "'bind' has that one",
    "got '/run/s'",
  );
  validateOptions({ app, bind: `unix:${longer}`, control: { path } });
  validateOptions({ app, bind: `unix:${path}`, control: false });
});

/** Mostly a value that is right by itself, so that the combination decides. */
const mostly = (right: readonly unknown[], wrong: readonly unknown[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 19, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: fc.constantFrom(undefined, ...wrong) },
  );

test('any combination is refused or makes sense', () => {
  const duration = mostly([0, 1, 5_000, 2 ** 31 - 1], [1.5, -1, '1', null]);
  const megabytes = mostly([1, 0.5, 100], [0, Number.POSITIVE_INFINITY, Number.NaN, '5', null]);
  const options = fc.record(
    {
      app: fc.constantFrom<unknown>(app, inline, Promise.resolve(inline), new URL('file:///app.js')),
      workerClass: mostly([...BUILT_IN_CLASSES, ...BUILT_IN_CLASSES, Mine, MineInThreads, './m.js#M'], ['other', 5]),
      threads: mostly([1, 4, 256], [0, 257, '4']),
      resourceLimits: fc.record({ stackSizeMb: megabytes, maxOldGenerationSizeMb: megabytes }, { requiredKeys: [] }),
      workerConnections: mostly([1, 1000], [0, 1.5]),
      keepAlive: duration,
      headersTimeout: mostly([0, 1], [1.5, -1, '1']),
      requestTimeout: duration,
      http2: mostly([false, false, true], [1]),
      bind: mostly([':0', [':0', '[::1]:0'], { path: '/s' }, []], [[':1', ':1']]),
      server: mostly([{}, { noDelay: false }], [{ keepAliveTimeout: 1 }, { a: 1n }, []]),
      maxRequests: mostly([0, 1], [-1]),
      maxRequestsJitter: mostly([0], [1]),
    },
    { requiredKeys: ['app'] },
  );
  let accepted = 0;
  fc.assert(
    fc.property(options, (given) =>
      passesOrIsRefused(() => {
        const resolved = validateOptions(given);
        accepted++;
        assertConsistent(resolved);
      }),
    ),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 500, `${accepted} were accepted`);
});
