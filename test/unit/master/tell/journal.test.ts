import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { ArbiterError } from '../../../../build/errors.js';
import { humanText } from '../../../../build/log/lines.js';
import { entryOf } from '../../../../build/master/tell/entries.js';
import type { ArbiterEvents } from '../../../../build/master/tell/events.js';
import { createJournal } from '../../../../build/master/tell/journal.js';
import type { ExitReason, WorkerInfo } from '../../../../build/master/workers/worker-info.js';
import type { LogFields, LogLevel } from '../../../../build/options/logger.js';
import type { TimeoutReport } from '../../../../build/protocol/messages.js';

const NOW = 1_000_000;
const moment = { now: NOW, workers: 4, failed: new Set<number>() };
const worker: WorkerInfo = {
  id: 2,
  pid: 4711,
  age: 7,
  generation: 1,
  state: 'ready',
  spawnedAt: 1,
  readyAt: 2,
};
const WHO = { id: 2, pid: 4711, age: 7, generation: 1 };
const request = { method: 'GET', url: '/report?id=7', startedAt: NOW - 30_100 };
const AGED = { ...request, age: 30_100 };

type Row = {
  [E in keyof ArbiterEvents]: readonly [E, ArbiterEvents[E], LogLevel, string, object?];
}[keyof ArbiterEvents];

const cause = new TypeError('inner');
const failure = new ArbiterError('ERR_APP_LOAD', 'worker #2: the application failed to load: inner', { cause });
const taken = new ArbiterError('ERR_BIND', 'cannot bind 127.0.0.1:80', { cause });
const tcp = { address: '127.0.0.1', port: 8000, family: 'IPv4' };
const exit = { code: 7, signal: null };

const ROWS: readonly Row[] = [
  ['listening', [tcp], 'info', 'listening on 127.0.0.1:8000', { address: tcp }],
  ['listening', [{ ...tcp, address: '::1', family: 'IPv6' }], 'info', 'listening on [::1]:8000'],
  ['listening', ['/run/a.sock'], 'info', 'listening on unix:/run/a.sock', { address: '/run/a.sock' }],
  ['listening', ['fd://3'], 'info', 'listening on fd://3'],
  ['ready', [], 'info', `ready: 4 workers, pid ${process.pid}`, { master: process.pid, workers: 4 }],
  ['worker:spawn', [worker], 'debug', 'worker #2 (pid 4711) was spawned', { worker: WHO }],
  ['worker:spawn', [{ ...worker, pid: undefined }], 'debug', 'worker #2 was spawned'],
  ['worker:ready', [worker], 'debug', 'worker #2 (pid 4711) is ready', { worker: WHO }],
  [
    'worker:exit',
    [worker, { ...exit, reason: 'crash', request }],
    'error',
    'worker #2 (pid 4711) ended (crash, exit code 7) while serving GET "/report?id=7", 30.1 s old',
    { worker: WHO, ...exit, reason: 'crash', request: AGED },
  ],
  [
    'worker:exit',
    [worker, { code: null, signal: 'SIGKILL', reason: 'timeout' }],
    'error',
    'worker #2 (pid 4711) ended (timeout, SIGKILL)',
    { worker: WHO, code: null, signal: 'SIGKILL', reason: 'timeout' },
  ],
  [
    'worker:exit',
    [
      { ...worker, pid: undefined },
      { code: null, signal: null, reason: 'boot' },
    ],
    'error',
    'worker #2 ended (boot, never started)',
  ],
  [
    'worker:error',
    [worker, cause],
    'error',
    'worker #2 (pid 4711) failed: TypeError: inner',
    { worker: WHO, err: cause },
  ],
  [
    'worker:error',
    [worker, failure],
    'error',
    'worker #2 (pid 4711): the application failed to load: inner (ERR_APP_LOAD)',
    { worker: WHO, err: failure },
  ],
  ['worker:error', [worker, taken], 'error', 'worker #2 (pid 4711) failed: cannot bind 127.0.0.1:80 (ERR_BIND)'],
  [
    'worker:warning',
    [worker, { code: 'slow-client', message: 'a client\nis slow' }],
    'warn',
    'worker #2 (pid 4711): a client\\u000ais slow',
    { worker: WHO, code: 'slow-client' },
  ],
  [
    'worker:warning',
    [worker, { code: 'connections', message: 'all are taken', repeated: 7, thread: 3 }],
    'warn',
    'worker #2 (pid 4711), thread 3: all are taken, and 7 times before',
    { worker: WHO, code: 'connections', repeated: 7, thread: 3 },
  ],
  [
    'worker:slow',
    [
      worker,
      { request, age: 172, kernel: { state: 'S', syscall: 'epoll_wait' }, thread: 3, pauses: { count: 0, total: 0 } },
    ],
    'warn',
    'worker #2 (pid 4711), thread 3, is slow: a request not done after 172 ms, serving GET "/report?id=7", 30.1 s old, its thread asleep in epoll_wait',
  ],
  [
    'worker:slow',
    [worker, { request, age: 172, pauses: { count: 0, total: 0 } }],
    'warn',
    'worker #2 (pid 4711) is slow: a request not done after 172 ms, serving GET "/report?id=7", 30.1 s old',
  ],
  [
    'thread:exit',
    [worker, { thread: 3, code: 1, reason: 'timeout', request }],
    'warn',
    'worker #2 (pid 4711): thread 3 ended (timeout, exit code 1) while serving GET "/report?id=7", 30.1 s old',
    { worker: WHO, thread: 3, code: 1, reason: 'timeout', request: AGED },
  ],
  [
    'thread:exit',
    [worker, { thread: 3, code: 1, reason: 'crash' }],
    'warn',
    'worker #2 (pid 4711): thread 3 ended (crash, exit code 1)',
  ],
  [
    'worker:backoff',
    [2, { delay: 310.7, failures: 3 }],
    'warn',
    'worker #2 is replaced in 311 ms, after 3 failures in a row',
    { worker: { id: 2 }, delay: 311, failures: 3 },
  ],
  [
    'queue:cut',
    [{ asked: 8192, backlog: 4096 }],
    'warn',
    'the system holds only 4096 waiting clients for each address, and backlog asks for 8192: raise net.core.somaxconn, or ask for less',
    { asked: 8192, backlog: 4096 },
  ],
  [
    'queue:high',
    [{ address: { address: '::1', family: 'IPv6', port: 80 }, waiting: 1025, backlog: 2048 }],
    'warn',
    '[::1]:80: 1025 clients wait to be accepted, and the system holds 2048; with more, connecting takes seconds or fails: add workers, or a larger backlog if this is a burst',
    { address: { address: '::1', family: 'IPv6', port: 80 }, waiting: 1025, backlog: 2048 },
  ],
  [
    'queue:normal',
    [{ address: '/run/app.sock', waiting: 0, backlog: 2048 }],
    'info',
    'unix:/run/app.sock: the queue has come down, clients that wait to be accepted: 0',
    { address: '/run/app.sock', waiting: 0, backlog: 2048 },
  ],
  ['scale', [1, 2], 'info', 'scaling from 2 to 1 worker', { to: 1, from: 2 }],
  ['signal', ['SIGTERM'], 'info', 'got SIGTERM', { signal: 'SIGTERM' }],
  [
    'signal',
    ['SIGWINCH', 'terminal'],
    'debug',
    'got SIGWINCH of the terminal, which is no order',
    { signal: 'SIGWINCH', origin: 'terminal' },
  ],
  [
    'signal',
    ['SIGHUP', 'terminal'],
    'warn',
    'the terminal is gone (SIGHUP), so this is a stop',
    { signal: 'SIGHUP', origin: 'terminal' },
  ],
  [
    'hold',
    [],
    'warn',
    'held, by SIGWINCH: all workers go, and clients wait until HUP, TTIN, TTOU or scale() ends it',
    {},
  ],
  ['resume', [], 'info', 'held no more: workers come again', {}],
  ['stop', [{ graceful: true }], 'info', 'stopping, after what is in flight', { graceful: true }],
  ['stop', [{ graceful: false }], 'info', 'stopping at once', { graceful: false }],
  ['stopped', [], 'info', 'stopped', {}],
  ['error', [taken], 'error', 'cannot bind 127.0.0.1:80 (ERR_BIND)', { err: taken }],
];

for (const [event, args, level, message, fields] of ROWS) {
  test(`${event}: ${message}`, () => {
    const entry = entryOf(event, args as never, moment);
    assert.deepEqual([entry?.level, entry?.message], [level, message]);
    if (fields) assert.deepEqual(entry?.fields, { event, ...fields });
  });
}

test('a message of the application is between it and its host', () => {
  assert.equal(entryOf('worker:message', [worker, 'secret', { thread: 0 }], moment), undefined);
});

test('a death that was ordered is news, or a warning if it cost a request; others are errors', () => {
  const levels: Record<ExitReason, readonly [idle: LogLevel, serving: LogLevel]> = {
    ...{ stop: ['info', 'warn'], scale: ['info', 'warn'], reload: ['info', 'warn'], recycle: ['info', 'warn'] },
    ...{ timeout: ['error', 'error'], crash: ['error', 'error'], boot: ['error', 'error'] },
  };
  for (const [reason, expected] of Object.entries(levels)) {
    const found = [{}, { request }].map((serving) => {
      return entryOf('worker:exit', [worker, { ...exit, ...serving, reason: reason as ExitReason }], moment)?.level;
    });
    assert.deepEqual(found, expected, reason);
  }
});

const STACK = 'render (file:///srv/app.js:12:7)\nfile:///srv/app.js:3:1';
const TIMEOUTS: readonly (readonly [TimeoutReport, string])[] = [
  [
    { clock: 'request', elapsed: 30_000.4, request, hung: 'javascript', stack: STACK, answered: true },
    'worker #2 (pid 4711) timed out: a request not done after 30.0 s, ' +
      'serving GET "/report?id=7", 30.1 s old, running JavaScript, answered 504\n' +
      '    render (file:///srv/app.js:12:7)\n    file:///srv/app.js:3:1',
  ],
  [
    {
      ...{ clock: 'request', elapsed: 30_000, thread: 3, answered: false, hung: 'waiting' },
      ...{ request: { ...request, remoteAddress: '::1' }, pending: ['TCPSocketWrap', 'Timeout'] },
    },
    'worker #2 (pid 4711), thread 3, timed out: a request not done after 30.0 s, ' +
      'serving GET "/report?id=7" from ::1, 30.1 s old, waiting for TCPSocketWrap, Timeout, not answered',
  ],
  [
    { clock: 'loop', elapsed: 5_000, hung: 'native', answered: false },
    'worker #2 (pid 4711) timed out: event loop still for 5.0 s, in native code',
  ],
  [
    { clock: 'loop', elapsed: 5_000, hung: 'waiting', pending: [], request, answered: false },
    'worker #2 (pid 4711) timed out: event loop still for 5.0 s, ' +
      'serving GET "/report?id=7", 30.1 s old, waiting, not answered',
  ],
  [{ clock: 'boot', elapsed: 60_003, answered: false }, 'worker #2 (pid 4711) timed out: not ready after 60.0 s'],
];

for (const [timeout, text] of TIMEOUTS) {
  test(`worker:timeout: ${text}`, () => {
    const entry = entryOf('worker:timeout', [worker, timeout], moment);
    assert.ok(entry);
    assert.equal(entry.level, 'error');
    assert.equal(humanText(entry, 'web'), `[web] ${text}`);
    const aged = timeout.request && { request: { ...timeout.request, age: 30_100 } };
    assert.deepEqual(entry.fields, {
      ...{ event: 'worker:timeout', worker: WHO, ...timeout, ...aged },
      elapsed: Math.round(timeout.elapsed),
    });
  });
}

test('what is waited for is bounded', () => {
  const pending = Array.from({ length: 10 }, (_, index) => `R${index}`);
  const timeout = { clock: 'loop', elapsed: 1, hung: 'waiting', pending, answered: false } as const;
  const { message } = entryOf('worker:timeout', [worker, timeout], moment) ?? {};
  assert.match(message ?? '', /waiting for R0, R1, R2, R3, R4, R5, R6, R7, 2 more$/);
});

test('a clock that was set back makes no request younger than new', () => {
  const late = { ...request, startedAt: NOW + 5 };
  const entry = entryOf('worker:exit', [worker, { ...exit, reason: 'crash', request: late }], moment);
  assert.deepEqual(entry?.fields['request'], { ...late, age: 0 });
});

test('whatever a client or an application says, a message is one printable line of bounded length', () => {
  const unsafe = fc.constantFrom('\n', '\x1b', '\x9b', '\u2028', '\u202e', '\ud800', '"', '\\');
  const text = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary', maxLength: 1 }), unsafe), maxLength: 3_000 });
  const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
  fc.assert(
    fc.property(text, (said) => {
      const asked = { method: said, url: said, remoteAddress: said, startedAt: 0 };
      const pending = Array.from({ length: 20 }, () => said);
      const timeout = { clock: 'loop', elapsed: 1, request: asked, hung: 'waiting', pending, answered: true } as const;
      for (const entry of [
        entryOf('worker:timeout', [worker, timeout], moment),
        entryOf('worker:exit', [worker, { ...exit, reason: 'crash', request: asked }], moment),
        entryOf('worker:error', [worker, Object.assign(new Error(said), { name: said })], moment),
        entryOf('listening', [said], moment),
      ]) {
        assert.doesNotMatch(entry?.message ?? '\n', UNSAFE);
        assert.ok((entry?.message.length ?? 0) < 100_000);
      }
    }),
  );
});

/** A journal on a logger that does the same at each level. */
function journalOf(act: (fields: LogFields, message: string) => void): ReturnType<typeof createJournal> {
  const logger = { debug: act, info: act, warn: act, error: act };
  return createJournal({ logger, name: 'web' }, () => 4);
}

async function nextWarning(t: TestContext): Promise<Error> {
  t.mock.method(process.stderr, 'write', () => true);
  const [error] = await once(process, 'warning');
  return error as Error;
}

test('a journal logs what the table says', () => {
  const got: unknown[] = [];
  const journal = journalOf((...args) => got.push(args));
  journal?.('scale', [3, 2]);
  journal?.('worker:message', [worker, 'secret', { thread: 0 }]);
  journal?.('ready', []);
  assert.deepEqual(got, [
    [{ event: 'scale', to: 3, from: 2 }, 'scaling from 2 to 3 workers'],
    [{ event: 'ready', master: process.pid, workers: 4 }, `ready: 4 workers, pid ${process.pid}`],
  ]);
});

test('that a slot has a worker again is news where the last one failed', () => {
  const got: unknown[] = [];
  const journal = createJournal(
    {
      logger: {
        ...{ debug: (_: object, message: string) => got.push(message), warn: () => undefined },
        ...{ info: (_: object, message: string) => got.push(message), error: () => undefined },
      },
      name: 'web',
    },
    () => 4,
  );
  const ready = 'worker #2 (pid 4711) is ready';
  for (const reason of ['crash', 'timeout', 'boot', 'reload', 'stop'] as const) {
    journal?.('worker:exit', [worker, { ...exit, reason }]);
    journal?.('worker:ready', [worker]);
    // That a further worker of this slot is ready is no news.
    journal?.('worker:ready', [worker]);
    const failed = !['reload', 'stop'].includes(reason);
    const ended = got.splice(0).filter((message) => !String(message).includes(' ended '));
    assert.deepEqual(ended, [failed ? `${ready}, in place of the one that failed` : ready, ready], reason);
    journal?.('worker:exit', [worker, { ...exit, reason: 'stop' }]);
    got.splice(0);
  }
  // A worker that was to take over fails, and the old one serves on. Then an old worker fails whose place has been
  // taken.
  const next = { ...worker, age: worker.age + 1 };
  journal?.('worker:ready', [worker]);
  journal?.('worker:exit', [next, { ...exit, reason: 'boot' }]);
  journal?.('worker:ready', [next]);
  journal?.('worker:exit', [worker, { ...exit, reason: 'timeout' }]);
  journal?.('worker:ready', [{ ...worker, age: worker.age + 2 }]);
  // Meanwhile, the slot itself has gone, and has come back.
  for (const age of [next.age, next.age + 1])
    journal?.('worker:exit', [
      { ...worker, age },
      { ...exit, reason: 'crash' },
    ]);
  journal?.('scale', [1, 2]);
  journal?.('scale', [2, 1]);
  journal?.('worker:ready', [worker]);
  assert.deepEqual(
    got.filter((message) => String(message).includes('ready')),
    [ready, ready, ready, ready],
  );
});

test('requests that have no name are counted', () => {
  const crash = { ...exit, reason: 'crash' } as const;
  const serving = (more: object): string | undefined =>
    entryOf('worker:exit', [worker, { ...crash, ...more }], moment)?.message.split(' while serving ')[1];
  assert.equal(serving({ request, active: 3 }), 'GET "/report?id=7", 30.1 s old; and 2 more');
  assert.equal(serving({ active: 3 }), '3 requests');
  assert.equal(
    serving({ request, requests: [request, request], active: 2 }),
    'GET "/report?id=7", 30.1 s old; GET "/report?id=7", 30.1 s old',
  );
});

test('without a logger there is none', () => {
  assert.equal(
    createJournal({ logger: false, name: 'web' }, () => 4),
    undefined,
  );
});

test('a logger that throws is told of once, and reaches nobody', async (t) => {
  let calls = 0;
  const journal = journalOf(() => {
    calls++;
    throw new Error('the disk is full');
  });
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const warned = nextWarning(t);
  for (let time = 0; time < 3; time++) journal?.('stopped', []);
  const error = await warned;
  assert.ok(error instanceof ArbiterError);
  assert.equal(error.message, 'the logger threw: Error: the disk is full');
  await new Promise(setImmediate);
  assert.deepEqual([calls, warnings.length], [3, 1]);
});

test('a logger that is async and rejects is told of once, and reaches nobody', async (t) => {
  let calls = 0;
  const journal = journalOf(() => {
    calls++;
    return Promise.reject(new Error('the disk is full'));
  });
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const warned = nextWarning(t);
  for (let time = 0; time < 3; time++) journal?.('stopped', []);
  const error = await warned;
  assert.ok(error instanceof ArbiterError);
  assert.equal(error.message, 'the logger threw: Error: the disk is full');
  await new Promise(setImmediate);
  assert.deepEqual([calls, warnings.length], [3, 1]);
});
