import assert from 'node:assert/strict';
import test from 'node:test';
import type { WorkerMessage } from '../../../../build/protocol/messages.js';
import { createWarner } from '../../../../build/worker/entry/warner.js';

test('a warning is told at once, and again after a minute, with how often it was meanwhile', () => {
  const told: WorkerMessage[] = [];
  let now = 5;
  const warn = createWarner(
    (warning) => told.push(warning),
    2,
    () => now,
  );
  warn('connections', 'first');
  now += 59_999;
  warn('connections', 'second');
  warn('connections', 'third');
  // A warning of another kind is told by itself.
  warn('slow-client', 'slow');
  now += 1;
  warn('connections', 'fourth');
  now += 60_000;
  warn('connections', 'fifth');
  assert.deepEqual(told, [
    { type: 'warning', code: 'connections', message: 'first', thread: 2 },
    { type: 'warning', code: 'slow-client', message: 'slow', thread: 2 },
    { type: 'warning', code: 'connections', message: 'fourth', repeated: 2, thread: 2 },
    { type: 'warning', code: 'connections', message: 'fifth', thread: 2 },
  ]);
});

test('outside of threads it names none', () => {
  const told: WorkerMessage[] = [];
  createWarner((warning) => told.push(warning), undefined)('server', 'text');
  assert.deepEqual(told, [{ type: 'warning', code: 'server', message: 'text' }]);
});
