import assert from 'node:assert/strict';
import test from 'node:test';
import { Evidence } from '../../../../build/master/crew/evidence.js';
import type { WorkerHandle } from '../../../../build/master/workers/worker-handle.js';
import { readSlot, SlotImage, type SlotRecord, STATE } from '../../../../build/scoreboard/scoreboard.js';

function record(pid: number, requests: number): SlotRecord {
  const image = new SlotImage();
  image.setPid(pid);
  image.setState(STATE.SERVING);
  image.setCounters(requests, 0, 0);
  for (let each = 0; each < requests; each++) image.times.addRequest(1);
  image.header();
  return readSlot(image.bytes) as SlotRecord;
}

test('a slot that cannot be read at a moment says what it did before, each for itself', () => {
  let slots: (SlotRecord | undefined)[] = [];
  const evidence = new Evidence({ slotsOf: () => slots });
  const worker = { pid: 7 } as WorkerHandle;
  const seen = (): unknown => {
    const { requests, requestTime } = evidence.of(worker) ?? {};
    return [requests, requestTime?.counts.reduce((sum, count) => sum + count, 0)];
  };
  // The slot still has the record of a predecessor.
  slots = [record(6, 100), undefined, undefined];
  assert.equal(evidence.of(worker), undefined);
  slots = [record(7, 0), record(7, 5), record(7, 10)];
  assert.deepEqual(seen(), [15, 15]);
  slots = [record(7, 0), undefined, record(7, 11)];
  assert.deepEqual(seen(), [16, 16]);
  slots = [undefined, undefined, undefined];
  assert.deepEqual(seen(), [16, 16]);
  slots = [record(7, 0), record(7, 6), record(7, 12)];
  assert.deepEqual(seen(), [18, 18]);
  // The evidence of this worker is not that of another one.
  slots = [undefined, undefined, undefined];
  assert.equal(evidence.of({ pid: 8 } as WorkerHandle), undefined);
});
