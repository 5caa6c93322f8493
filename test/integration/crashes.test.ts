import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import type { BuiltInClass } from 'prefork';
import { single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';

keepHosts();

/*
 * How a worker can die of a request, and what is known of the request then. Uncaught exceptions, unhandled rejections
 * and `process.exit` are in failing-handlers.test.ts; what only a thread dies of is in threads.test.ts.
 */

interface Crash {
  readonly path: string;
  readonly classes: readonly BuiltInClass[];
  /** How the worker ends. Undefined: it does not. */
  readonly exit?: { readonly code: number | null; readonly signal: NodeJS.Signals | null };
  /** What the client gets; '' is a broken connection. */
  readonly answer: '' | '500';
  /** The error of `worker:error`; undefined if there is none. */
  readonly error?: { readonly code?: string; readonly message: RegExp; readonly stack: RegExp };
  /** The classes that have stored the request by then: an async worker does so when it lets go of the CPU. */
  readonly naming: readonly BuiltInClass[];
}

const CRASHES: Readonly<Record<string, Crash>> = {
  'out of heap': {
    ...{ path: '/heap', classes: ['sync', 'async'], answer: '', naming: ['sync', 'async'] },
    exit: { code: null, signal: 'SIGABRT' },
    error: {
      code: 'ERR_WORKER_OUT_OF_MEMORY',
      message: /^worker #1 ran out of memory: .*heap out of memory \(heap limit: \d+ MB\)$/,
      // V8 has no stack to report any more, and the stack of the master is not reported instead.
      stack: /^Error: worker #1 ran out of memory: [^\n]*$/,
    },
  },
  'process.abort': {
    ...{ path: '/abort', classes: ['sync', 'async'], answer: '', naming: ['sync'] },
    exit: { code: null, signal: 'SIGABRT' },
  },
  'a native crash': {
    ...{ path: '/native-crash', classes: ['sync', 'async', 'threaded'], answer: '', naming: ['sync', 'threaded'] },
    exit: { code: null, signal: 'SIGSEGV' },
  },
  'a stack overflow after the handler': {
    ...{ path: '/overflow-later', classes: ['sync', 'async'], answer: '500', naming: ['sync', 'async'] },
    exit: { code: 1, signal: null },
    error: { message: /^Maximum call stack size exceeded$/, stack: /crashing\.js/ },
  },
  'a stack overflow in the handler': {
    ...{ path: '/overflow', classes: ['sync', 'async', 'threaded'], answer: '500', naming: [] },
  },
};

for (const [kind, { path, classes, exit, answer, error, naming }] of Object.entries(CRASHES)) {
  for (const workerClass of classes) {
    test(`${kind}, ${workerClass}`, async (t) => {
      const gate = await Gate.open(t);
      // A core file, if there is one, is removed with the folder.
      const cwd = temporaryFolder(t);
      const options = { ...single(workerClass), app: fixture('crashing.js'), execArgv: ['--max-old-space-size=48'] };
      const host = new Host(t, { ...options, env: gate.env }, { cwd });
      const url = await host.ready();
      const received = await (await RawClient.connect(t, url)).get(path).all();
      if (answer === '') assert.equal(received, '');
      else assert.match(received, /^HTTP\/1\.1 500 Internal Server Error\r\n/);

      if (exit) {
        const [worker, { request, ...how }] = await host.event('worker:exit');
        assert.deepEqual([worker.age, how], [1, { ...exit, reason: 'crash' }]);
        assert.equal(request?.url, naming.includes(workerClass) ? path : undefined);
        await host.event('worker:ready', ({ age }) => age === 2);
      }
      // The worker, or its replacement, serves.
      const { arrival, answer: next } = await gate.hold(`${url}/next`);
      arrival.release();
      assert.equal((await next).status, 200);

      const told = host.events.map(({ event, args }) => `${event} ${args[0]?.age}`);
      assert.deepEqual(
        told.filter((name) => /^(?:worker:(?:error|exit|spawn|backoff)|thread)/.test(name)),
        ['worker:spawn 1', ...(error ? ['worker:error 1'] : []), ...(exit ? ['worker:exit 1', 'worker:spawn 2'] : [])],
      );
      if (error) {
        const [, seen] = await host.event('worker:error');
        assert.equal(seen.code, error.code);
        assert.match(seen.message, error.message);
        assert.match(seen.stack, error.stack);
      }
      const { totals, degraded } = await host.stats();
      const ended = exit ? 1 : 0;
      assert.deepEqual([totals.crashes, totals.respawns, degraded], [ended, ended, false]);
      assert.deepEqual(
        readdirSync(cwd).filter((name) => !name.startsWith('core')),
        [],
      );
    });
  }
}

test('out of heap at the first start: the rejection says so', async (t) => {
  const host = new Host(t, { app: fixture('hoards-at-load.js'), workers: 1, execArgv: ['--max-old-space-size=48'] });
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.exitCode, error.cause.code], ['ERR_WORKER_BOOT', 3, 'ERR_WORKER_OUT_OF_MEMORY']);
  assert.match(error.message, /^worker #1 failed before it was ready: worker #1 ran out of memory: /);
  assert.equal((await host.exited()).code, 3);
  assert.deepEqual(
    host.of('worker:exit').map(({ args: [, { signal, reason }] }) => [signal, reason]),
    [['SIGABRT', 'boot']],
  );
});
