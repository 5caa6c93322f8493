import assert from 'node:assert/strict';
import test from 'node:test';
import type { Launch } from '../../../../build/master/workers/launch.js';
import { WorkerHandle, type WorkerTurn } from '../../../../build/master/workers/worker-handle.js';

test('one that cannot be started ends by the turn of a worker, once, and nothing that is done with it before throws', async () => {
  const failure = new Error('no room on the scoreboard');
  const spec = { id: 3, age: 7, slot: -1, generation: 2, spawnedAt: 0 };
  const launch = { spec, sockets: [], bootLimit: 1_000, tls: { key: 'k' }, failure } as unknown as Launch;
  const turns: WorkerTurn[] = [];
  const worker = new WorkerHandle(launch, { term: 1, probation: 0 }, (turn) => turns.push(turn));
  assert.deepEqual([worker.pid, worker.info().state, turns.length], [undefined, 'booting', 0]);
  worker.signal('SIGTERM');
  worker.end('stop', 'quit', 1_000);
  await new Promise(setImmediate);
  assert.deepEqual(
    turns.map((turn) => turn.type === 'exit' && [turn.worker === worker, turn.code, turn.signal, turn.error]),
    [[true, null, null, failure]],
  );
  assert.equal(worker.info().state, 'exited');
});
