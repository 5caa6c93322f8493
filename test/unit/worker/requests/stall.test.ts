import assert from 'node:assert/strict';
import test from 'node:test';
import { Stall } from '../../../../build/worker/requests/stall.js';

/** A pulse that is late when the test says so. */
function pulse() {
  const listeners: ((duration: number) => void)[] = [];
  const onLate = (listener: (duration: number) => void): void => void listeners.push(listener);
  return { late: (duration: number) => listeners.map((listener) => listener(duration)), onLate };
}

test('behind a request that is put off, none of its connection begins before it, though the suspicion is over', async (t) => {
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  const began: string[] = [];
  const { late, onLate } = pulse();
  const request = (name: string, line: object) => ({
    ...{ line, isGone: () => false, drop: () => assert.fail('nobody has gone') },
    start: () => began.push(name) > 0,
  });
  const stall = new Stall<ReturnType<typeof request>>({ onLate } as never, () => undefined);
  const [one, other] = [{}, {}];
  late(5);
  stall.pass(request('first', one));
  // Meanwhile, the event loop does not turn.
  now += 10;
  stall.pass(request('second', one));
  stall.pass(request('of another', other));
  assert.deepEqual(began, ['of another']);
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
  assert.deepEqual(began, ['of another', 'first', 'second']);
  stall.pass(request('third', one));
  assert.deepEqual(began, ['of another', 'first', 'second', 'third']);
});
