import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { RecycleCause } from '../../../../build/protocol/messages.js';
import type { RecycleLimits } from '../../../../build/protocol/spec.js';
import { RecycleWatch } from '../../../../build/worker/vitals/recycle.js';

const MEBIBYTE = 2 ** 20;
const NONE: RecycleLimits = { maxRequests: 0, maxRequestsJitter: 0, maxMemory: 0 };

function watch(limits: Partial<RecycleLimits>, chance = 0): { asked: RecycleCause[]; watch: RecycleWatch } {
  const asked: RecycleCause[] = [];
  return { asked, watch: new RecycleWatch({ ...NONE, ...limits }, (why) => asked.push(why), chance) };
}

/** Counts requests one by one until the watch asks to recycle. */
function requestsUntilAsked(limits: Partial<RecycleLimits>, chance: number): number {
  const { asked, watch: watched } = watch(limits, chance);
  for (let count = 1; ; count++) {
    watched.onRequests(1);
    if (asked.length > 0) return count;
  }
}

test('it asks with the last request of maxRequests, once', () => {
  const { asked, watch: watched } = watch({ maxRequests: 3 });
  watched.onRequests(1);
  watched.onRequests(1);
  assert.deepEqual(asked, []);
  watched.onRequests(1);
  assert.deepEqual(asked, ['requests']);
  for (let count = 0; count < 10; count++) watched.onRequests(1);
  assert.deepEqual(asked, ['requests']);
});

test('requests may be told several at a time, and may overshoot', () => {
  const { asked, watch: watched } = watch({ maxRequests: 10 });
  watched.onRequests(0);
  watched.onRequests(9);
  assert.deepEqual(asked, []);
  watched.onRequests(5);
  assert.deepEqual(asked, ['requests']);
});

test('the jitter adds 0 to maxRequestsJitter, each equally likely', () => {
  const limits = { maxRequests: 5, maxRequestsJitter: 3 };
  // Each of 0, 1, 2 and 3 takes a quarter of [0, 1) in the draw.
  const found = [0, 0.249, 0.25, 0.5, 0.75, 1 - Number.EPSILON].map((chance) => requestsUntilAsked(limits, chance));
  assert.deepEqual(found, [5, 5, 6, 7, 8, 8]);
});

test('whatever is drawn, the limit is within maxRequests and maxRequests + maxRequestsJitter', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(50), chance, (maxRequests, maxRequestsJitter, drawn) => {
      const count = requestsUntilAsked({ maxRequests, maxRequestsJitter }, drawn);
      assert.ok(count >= maxRequests && count <= maxRequests + maxRequestsJitter, String(count));
    }),
  );
});

test('workers draw for themselves', () => {
  const limits = { ...NONE, maxRequests: 1, maxRequestsJitter: 1_000_000 };
  const counts = Array.from({ length: 3 }, () => {
    let asked = false;
    const watched = new RecycleWatch(limits, () => {
      asked = true;
    });
    let count = 0;
    for (; !asked; count++) watched.onRequests(1);
    return count;
  });
  assert.ok(new Set(counts).size > 1, counts.join());
});

test('it asks when three samples in a row are above maxMemory, once', () => {
  const { asked, watch: watched } = watch({ maxMemory: 100 * MEBIBYTE });
  const sample = (...megabytes: number[]): void => {
    for (const size of megabytes) watched.onMemory(size * MEBIBYTE);
  };
  // A value at the limit is not above it, and a row that is interrupted begins anew.
  sample(101, 102, 100, 500, 500, 99, 101, 100, 100, 100, 101, 101);
  assert.deepEqual(asked, []);
  sample(101);
  assert.deepEqual(asked, ['memory']);
  sample(500, 500, 500, 500, 500, 500, 500);
  assert.deepEqual(asked, ['memory']);
});

test('the first of two limits asks, and the other one is silent after it', () => {
  const limits = { maxRequests: 5, maxMemory: MEBIBYTE };
  const first = watch(limits);
  for (let count = 0; count < 3; count++) first.watch.onMemory(2 * MEBIBYTE);
  first.watch.onRequests(100);
  assert.deepEqual(first.asked, ['memory']);
  const second = watch(limits);
  second.watch.onRequests(5);
  for (let count = 0; count < 9; count++) second.watch.onMemory(2 * MEBIBYTE);
  assert.deepEqual(second.asked, ['requests']);
});

test('without limits nothing is asked', () => {
  const { asked, watch: watched } = watch({ maxRequestsJitter: 5 });
  for (let count = 0; count < 100; count++) {
    watched.onRequests(1e9);
    watched.onMemory(Number.MAX_SAFE_INTEGER);
  }
  assert.deepEqual(asked, []);
});
