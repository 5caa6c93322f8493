import assert from 'node:assert/strict';
import test from 'node:test';
import { Tenure } from '../../../../build/master/workers/tenure.js';
import { monotonic } from '../../../../build/monotonic.js';

test('a worker is what it is from its spawn on', () => {
  const worker = new Tenure(3, { term: 2, probation: 0 }, monotonic() - 500);
  assert.deepEqual([worker.id, worker.term, worker.spare, worker.booted, worker.ready], [3, 2, false, false, false]);
  assert.deepEqual([worker.served, worker.readySince, worker.provenAt], [0, undefined, undefined]);
  assert.ok(worker.lived >= 500);
  worker.markReady();
  assert.deepEqual([worker.booted, worker.ready, worker.provenAt], [true, true, worker.readySince]);
});

test('probation counts from when it began to serve in part, and ends no earlier than it is ready', () => {
  const worker = new Tenure(1, { term: 1, probation: 1_000 }, monotonic());
  worker.markReady(monotonic() - 400);
  assert.ok(Math.abs((worker.provenAt ?? 0) - (worker.readySince ?? 0) - 600) < 50);
  const late = new Tenure(1, { term: 1, probation: 1_000 }, monotonic());
  late.markReady(monotonic() - 5_000);
  assert.equal(late.provenAt, late.readySince);
});

test('a spare has no slot until it takes one, and then a boot of its own', () => {
  const spare = new Tenure(0, { term: 1, probation: 0 }, monotonic() - 60_000);
  assert.deepEqual([spare.spare, spare.booted], [true, false]);
  spare.markBooted();
  assert.deepEqual([spare.booted, spare.ready, spare.provenAt], [true, false, undefined]);
  spare.enter(4, { term: 7, probation: 0 });
  assert.deepEqual([spare.id, spare.term, spare.spare, spare.booted, spare.ready], [4, 7, false, true, false]);
  assert.ok(spare.lived < 60_000);
  spare.markReady();
  assert.equal(spare.ready, true);
});
