import assert from 'node:assert/strict';
import test from 'node:test';
import { endHungThread } from '../../../../build/worker/threads/hang.js';

type Thread = Parameters<typeof endHungThread>[0];
type Tracer = Parameters<typeof endHungThread>[1];

test('a thread that has recovered when it is held goes on, and is not terminated', async () => {
  const said: unknown[] = [];
  let beat = 0;
  const thread = {
    threadId: 1,
    terminated: false,
    terminate: () => said.push('terminate'),
    // The event loop of the thread turns between two looks.
    watch: { vitals: { read: () => ({ beat: beat++, request: 0 }) }, had: () => new Promise(() => undefined) },
  };
  const hold = {
    stack: Promise.resolve('at once'),
    ordered: Promise.resolve(),
    release: (goesOn?: boolean) => said.push(['release', goesOn]),
  };
  const tracer = { hold: async () => hold };
  const findings = await endHungThread(thread as unknown as Thread, tracer as unknown as Tracer, 504);
  assert.equal(findings, undefined);
  assert.deepEqual(said, [['release', true]]);
});
