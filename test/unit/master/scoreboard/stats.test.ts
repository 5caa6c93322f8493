import assert from 'node:assert/strict';
import test from 'node:test';
import { Tally, workerStats } from '../../../../build/master/scoreboard/stats.js';
import type { WorkerInfo } from '../../../../build/master/workers/worker-info.js';
import { type SlotRecord, STATE } from '../../../../build/scoreboard/scoreboard.js';
import { BOUNDS, NO_TIMES, type Times } from '../../../../build/scoreboard/slot-times.js';

const info: WorkerInfo = { id: 1, pid: 42, age: 3, generation: 1, state: 'ready', spawnedAt: 5, readyAt: 6 };
/** A histogram of this many values, all of them within the third bucket. */
const times = (count: number): Times => ({
  counts: NO_TIMES.counts.map((_, index) => (index === 2 ? count : 0)),
  sum: 2 * count,
});
const record = (requests: number, errors: number, abandoned = errors - 1): SlotRecord => ({
  ...{ pid: 42, state: STATE.SERVING, active: 1, connections: 2, exitCode: undefined },
  ...{ beat: 9, requests, errors, abandoned, rss: 1000, elu: 0.5, patientUntil: 0, request: undefined },
  ...{ requestTime: times(requests), waitTime: times(2 * requests), sent: 0, room: undefined },
});

test('a worker shows who it is and what its slot says', () => {
  assert.deepEqual(workerStats(info, record(10, 1)), {
    ...info,
    ...{ requests: 10, errors: 1, abandoned: 0, active: 1, connections: 2, rss: 1000, elu: 0.5 },
  });
});

test('a worker that has not written yet has done nothing', () => {
  const nothing = { requests: 0, errors: 0, abandoned: 0, active: 0, connections: 0, rss: 0, elu: 0 };
  assert.deepEqual(workerStats(info, undefined), { ...info, ...nothing });
});

test('totals are those of the living and the dead, and never sink when one dies', () => {
  const tally = new Tally();
  const before = tally.totals([workerStats(info, record(10, 1)), workerStats(info, record(5, 2))]);
  assert.deepEqual(before, {
    requests: 15,
    errors: 3,
    abandoned: 1,
    timeouts: 0,
    crashes: 0,
    respawns: 0,
    reloads: 0,
    recycles: 0,
  });
  tally.bury(record(10, 1));
  // A worker that was killed before its first write.
  tally.bury(undefined);
  tally.crashes++;
  tally.respawns += 2;
  tally.recycles += 3;
  const after = tally.totals([workerStats(info, record(5, 2))]);
  assert.deepEqual(after, {
    requests: 15,
    errors: 3,
    abandoned: 1,
    timeouts: 0,
    crashes: 1,
    respawns: 2,
    reloads: 0,
    recycles: 3,
  });
});

test('times are those of the living and the dead, by bucket', () => {
  const tally = new Tally();
  const one = { info, record: record(10, 1) };
  const other = { info, record: record(5, 2) };
  const before = tally.account([one, other, { info, record: undefined }]);
  const expected = (count: number): unknown => ({ ...times(count), bounds: BOUNDS, count, sum: count / 500 });
  assert.deepEqual([before.requestTime, before.waitTime], [expected(15), expected(30)]);
  tally.bury(one.record);
  tally.bury(undefined);
  const after = tally.account([other]);
  assert.deepEqual([after.requestTime, after.waitTime], [before.requestTime, before.waitTime]);
  assert.deepEqual([after.workers.length, after.totals.requests], [1, 15]);
});
