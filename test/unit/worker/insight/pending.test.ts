import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';

/** A new copy of the module, and a function that sets what the thread waits for. */
let copies = 0;
async function thread(t: TestContext) {
  let now: readonly string[] = [];
  t.mock.method(process, 'getActiveResourcesInfo', () => now);
  const url = `../../../../build/worker/insight/pending.js?${++copies}`;
  const own: typeof import('../../../../build/worker/insight/pending.js') = await import(url);
  return {
    ...own,
    set(...kinds: string[]): void {
      now = kinds;
    },
  };
}

test('clients are not what is waited for, nor is what accepts them', async (t) => {
  const { set, pending, noteRest } = await thread(t);
  noteRest(0);
  set('TCPSocketWrap', 'PipeWrap', 'TCPServerWrap', 'PipeServerWrap', 'Timeout', 'TCPSocketWrap');
  assert.deepEqual(pending(2), ['TCPSocketWrap', 'Timeout']);
  assert.deepEqual(pending(9), ['Timeout']);
});

test('clients are of the kind that is accepted: what else the application has opened is its own, in whatever order', async (t) => {
  const { set, pending, noteRest } = await thread(t);
  set('PipeWrap', 'TCPServerWrap');
  noteRest(0);
  set('PipeWrap', 'TCPServerWrap', 'TCPSocketWrap', 'PipeWrap', 'TCPSocketWrap');
  assert.deepEqual(pending(2), ['PipeWrap']);
  // A busy worker has closed its listening socket.
  set('PipeWrap', 'PipeWrap', 'TCPSocketWrap', 'TCPSocketWrap');
  assert.deepEqual(pending(1), ['PipeWrap', 'TCPSocketWrap']);
});

test('what was there at the start is never waited for', async (t) => {
  const { set, pending, noteRest } = await thread(t);
  set('PipeWrap', 'TCPServerWrap', 'PipeWrap');
  noteRest(0);
  set('PipeWrap', 'PipeWrap', 'TCPSocketWrap', 'Timeout');
  assert.deepEqual(pending(1), ['Timeout']);
  noteRest(1);
  assert.deepEqual(pending(1), []);
  set('PipeWrap', 'PipeWrap', 'Timeout', 'FSReqCallback');
  assert.deepEqual(pending(0), ['FSReqCallback']);
});

test('what was there without work, and has gone, hides nothing of its kind', async (t) => {
  const { set, pending, noteRest } = await thread(t);
  set('TCPServerWrap', 'TCPSocketWrap', 'Timeout');
  noteRest(0);
  set('TCPServerWrap', 'TCPSocketWrap');
  noteRest(1);
  set('TCPServerWrap', 'TCPSocketWrap', 'TCPSocketWrap', 'Timeout');
  assert.deepEqual(pending(1), ['TCPSocketWrap', 'Timeout']);
});

test('an output that is opened while a request is under way is not waited for', async (t) => {
  const { set, pending, noteRest, noteOpened } = await thread(t);
  set('PipeWrap');
  noteRest(0);
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

test('of thousands, a hundred are named', async (t) => {
  const { set, pending, noteRest } = await thread(t);
  noteRest(0);
  set(...Array.from({ length: 500 }, () => 'Timeout'));
  assert.equal(pending(0).length, 100);
});
