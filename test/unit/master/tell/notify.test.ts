import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { EventEmitter } from 'eventemitter3';
import { ArbiterError } from '../../../../build/errors.js';
import { createNotifier, type Notifier } from '../../../../build/master/tell/notify.js';

function setUp(): { emitter: EventEmitter; notifier: Notifier } {
  const emitter = new EventEmitter();
  return { emitter, notifier: createNotifier(emitter as Parameters<typeof createNotifier>[0]) };
}
/** The next warning of this process, kept from its output. */
async function warning(t: TestContext): Promise<Error> {
  const writing = t.mock.method(process.stderr, 'write', () => true);
  const [error] = await once(process, 'warning');
  writing.mock.restore();
  return error as Error;
}

test('a listener gets what was emitted', () => {
  const { emitter, notifier } = setUp();
  const got: unknown[] = [];
  emitter.on('scale', (...args) => got.push(args));
  notifier.emit('scale', 3, 2);
  assert.deepEqual(got, [[3, 2]]);
  assert.equal(notifier.listens('scale'), true);
  assert.equal(notifier.listens('stop'), false);
});

for (const [what, thrown, shown] of [
  ['an error', new Error('boom'), 'boom'],
  ['text', 'boom', 'boom'],
  ['nothing', undefined, 'undefined'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  // This object has no toString.
  ['an object without a prototype', Object.create(null), ''],
] as const) {
  test(`a listener that throws ${what} is reported and reaches nobody else`, () => {
    const { emitter, notifier } = setUp();
    const errors: ArbiterError[] = [];
    emitter.on('error', (error) => errors.push(error));
    emitter.on('ready', () => {
      throw thrown;
    });
    notifier.emit('ready');
    const [error] = errors;
    assert.equal(errors.length, 1);
    assert.ok(error instanceof ArbiterError);
    assert.equal(error.code, 'ERR_LISTENER');
    assert.equal(error.cause, thrown);
    assert.ok(error.message.startsWith(`a listener of 'ready' threw: ${shown}`), error.message);
  });
}

test('without a listener of error, an error becomes a warning', async (t) => {
  const { notifier } = setUp();
  const error = new Error('nobody listens');
  const warned = warning(t);
  notifier.report(error);
  assert.equal(await warned, error);
});

test('a listener of error that throws itself becomes a warning, not a circle', async (t) => {
  const { emitter, notifier } = setUp();
  let calls = 0;
  emitter.on('error', () => {
    calls++;
    throw new Error('again');
  });
  const warned = warning(t);
  notifier.report(new Error('first'));
  assert.match((await warned).message, /a listener of 'error' threw: again/);
  assert.equal(calls, 1);
});

test('a journal gets what was emitted, before the listeners, and tells of errors that nobody listens for', async (t) => {
  const emitter = new EventEmitter();
  const told: unknown[] = [];
  const notifier = createNotifier(emitter as Parameters<typeof createNotifier>[0], (event, args) => {
    told.push([event, ...args]);
  });
  const writing = t.mock.method(process.stderr, 'write', () => true);
  const warnings: Error[] = [];
  const note = (error: Error): void => void warnings.push(error);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  emitter.on('scale', (...args) => told.push(args));
  notifier.emit('scale', 3, 2);
  const error = new Error('nobody listens');
  notifier.report(error);
  assert.deepEqual(told, [
    ['scale', 3, 2],
    [3, 2],
    ['error', error],
  ]);
  assert.equal(notifier.listens('worker:error'), true);
  await new Promise(setImmediate);
  writing.mock.restore();
  assert.deepEqual(warnings, []);
});
