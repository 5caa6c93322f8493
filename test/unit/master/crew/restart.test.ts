import assert from 'node:assert/strict';
import test from 'node:test';
import { giveUp, restart } from '../../../../build/master/crew/restart.js';
import { Roster } from '../../../../build/master/crew/roster.js';
import type { WorkerHandle } from '../../../../build/master/workers/worker-handle.js';

/** A worker with all that a restart looks at. */
function workerOf(age: number, marks: { leaving?: boolean; failure?: Error } = {}): WorkerHandle {
  const ready = { ready: true, readySince: 0, provenAt: 0 };
  const worker = { id: 1, age, term: 0, leaving: false, due: false, wish: undefined, ...ready, ...marks };
  return Object.defineProperty(worker, 'unwanted', { get: () => worker.wish !== undefined }) as unknown as WorkerHandle;
}

function rosterWith(worker: WorkerHandle): Roster<WorkerHandle> {
  const roster = new Roster<WorkerHandle>();
  roster.add(worker);
  return roster;
}

const failed = (cause: Error | undefined): object => ({
  ...{ code: 'ERR_WORKER_BOOT', cause },
  message: `worker #1 is not restarted, and serves on: ${cause?.message ?? 'the worker that was to replace it has died'}`,
});

for (const cause of [new Error('no boot'), undefined]) {
  test(`the failure ${cause ? 'is told' : 'of one that left no word is told'}, though the slot counts none`, () => {
    const worker = workerOf(1);
    const roster = rosterWith(worker);
    const isDone = restart(roster, 1);
    assert.deepEqual([isDone('running'), worker.unwanted], [false, true]);
    giveUp(roster, workerOf(2, cause && { failure: cause }));
    assert.equal(worker.unwanted, false);
    assert.throws(() => isDone('running'), failed(cause));
  });
}

test('who asks again after the failure waits for another one, and who asked before is told of it', () => {
  const worker = workerOf(1);
  const roster = rosterWith(worker);
  const before = [restart(roster, 1), restart(roster, 1)];
  giveUp(roster, workerOf(2));
  const again = restart(roster, 1);
  for (const isDone of before) assert.throws(() => isDone('running'), failed(undefined));
  assert.equal(again('running'), false);
  roster.remove(worker);
  assert.equal(again('running'), true);
});

test('a failure beside a worker that nobody wants replaced is none of the next restart', () => {
  const worker = workerOf(1);
  const roster = rosterWith(worker);
  giveUp(roster, workerOf(2));
  const isDone = restart(roster, 1);
  assert.equal(isDone('running'), false);
  assert.throws(() => isDone('stopping'), { code: 'ERR_STATE' });
});
