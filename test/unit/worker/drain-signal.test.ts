import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import fc from 'fast-check';
import { Departure, drainTimes } from '../../../build/worker/drain-signal.js';

test('the times of a drain fit into its limit, and leave time for each step', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (limit) => {
      const { patience, farewell } = drainTimes(limit);
      assert.ok(patience >= Math.floor(limit / 2), 'at least half of it is for what is under way');
      assert.ok(limit - patience <= 3_001);
      // There is more time to close and to exit than to say farewell.
      assert.ok(farewell <= (limit - patience) / 4);
    }),
  );
  assert.deepEqual(drainTimes(200), { patience: 100, farewell: 25 });
  assert.deepEqual(drainTimes(4_000), { patience: 3_000, farewell: 250 });
  assert.deepEqual(drainTimes(30_000), { patience: 27_000, farewell: 750 });
});

test('the signal is one, fires once, and is there for who asks late', () => {
  const departure = new Departure();
  const { signal } = departure;
  let calls = 0;
  signal.addEventListener('abort', () => calls++);
  assert.deepEqual([departure.hasBegun, signal.aborted, departure.signal === signal], [false, false, true]);
  departure.begin('why');
  assert.deepEqual([departure.hasBegun, signal.aborted, calls, departure.isAnnounced], [true, true, 1, false]);
  assert.deepEqual([signal.reason.name, signal.reason.message], ['AbortError', 'why']);

  const late = new Departure();
  late.begin('why');
  assert.deepEqual([late.signal.aborted, late.signal.reason.message], [true, 'why']);
});

test('what a listener calls is known, also later; what runs beside it is not', async () => {
  const departure = new Departure();
  const seen: boolean[] = [];
  const other = once(departure.signal, 'abort').then(() => departure.isAnnounced);
  const told = new Promise<void>((resolve) => {
    departure.signal.addEventListener('abort', async () => {
      seen.push(departure.isAnnounced);
      await new Promise((later) => setTimeout(later));
      seen.push(departure.isAnnounced);
      resolve();
    });
  });
  const beside = new Promise((resolve) => setTimeout(() => resolve(departure.isAnnounced), 5));
  departure.begin('why');
  assert.equal(await beside, false);
  // The code of `other` goes on where it waited, not in the call of the signal's listeners.
  assert.equal(await other, false);
  await told;
  assert.deepEqual(seen, [true, true]);
});
