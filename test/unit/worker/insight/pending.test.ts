import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { noteOpened, noteRest, noteStart, pending } from '../../../../build/worker/insight/pending.js';

/** What this thread waits for, from here on as the test says. */
function resources(t: TestContext): (...kinds: string[]) => void {
  let now: readonly string[] = [];
  t.mock.method(process, 'getActiveResourcesInfo', () => now);
  return (...kinds) => {
    now = kinds;
  };
}

test('clients are not what is waited for, nor is what accepts them', (t) => {
  const set = resources(t);
  noteStart();
  set('TCPSocketWrap', 'PipeWrap', 'TCPServerWrap', 'PipeServerWrap', 'Timeout', 'TCPSocketWrap');
  assert.deepEqual(pending(2), ['Timeout', 'TCPSocketWrap']);
  assert.deepEqual(pending(9), ['Timeout']);
});

test('what was there at the start is never waited for, whether anything has rested since or not', (t) => {
  const set = resources(t);
  set('PipeWrap', 'TCPServerWrap', 'PipeWrap');
  noteStart();
  set('PipeWrap', 'PipeWrap', 'TCPSocketWrap', 'Timeout');
  assert.deepEqual(pending(1), ['Timeout']);
  noteRest(1);
  assert.deepEqual(pending(1), []);
  set('PipeWrap', 'PipeWrap', 'Timeout', 'FSReqCallback');
  assert.deepEqual(pending(0), ['FSReqCallback']);
});

test('what has come to stay is known from a moment without work on, and forgotten at the next one without it', (t) => {
  const set = resources(t);
  noteStart();
  set('TCPSocketWrap', 'TCPSocketWrap');
  assert.deepEqual(pending(1), ['TCPSocketWrap']);
  noteRest(1);
  assert.deepEqual(pending(1), []);
  set();
  noteRest(0);
  set('TCPSocketWrap');
  assert.deepEqual(pending(0), ['TCPSocketWrap']);
});

test('an output that is opened while a request is under way is not waited for', (t) => {
  const set = resources(t);
  set('PipeWrap');
  noteStart();
  set('PipeWrap', 'Timeout');
  assert.equal(
    noteOpened(() => {
      set('PipeWrap', 'Timeout', 'PipeWrap');
      return 'output';
    }),
    'output',
  );
  assert.deepEqual(pending(0), ['Timeout']);
});

test('of thousands, a hundred are named', (t) => {
  const set = resources(t);
  noteStart();
  set(...Array.from({ length: 500 }, () => 'Timeout'));
  assert.equal(pending(0).length, 100);
});
