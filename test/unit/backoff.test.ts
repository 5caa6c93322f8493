import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  BACKOFF,
  backoffDelay,
  countFailure,
  type FailureCount,
  type FailureKind,
  STABLE_AFTER,
} from '../../build/backoff.js';
import { chances } from '../helpers/chances.js';

const KINDS = Object.keys(BACKOFF) as FailureKind[];
const kind = fc.constantFrom(...KINDS);
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const failures = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
/** The upper limit of a wait. The chance is always below 1, so a wait only approaches it. */
const limit = (count: FailureCount): number => backoffDelay(count, 1);

test('every kind of failure has a policy', () => {
  assert.deepEqual(BACKOFF, {
    spawn: { base: 250, max: 15_000 },
    boot: { base: 250, max: 15_000 },
    crash: { base: 250, max: 7_500 },
  });
});

test('the limits double from base to max', () => {
  const limits = (of: FailureKind): number[] =>
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => limit({ kind: of, failures: n }));
  assert.deepEqual(limits('boot'), [0, 250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  assert.deepEqual(limits('crash'), [0, 250, 500, 1000, 2000, 4000, 7500, 7500, 7500, 7500]);
});

test('the first replacement comes at once, whatever the chance', () => {
  fc.assert(fc.property(kind, chance, (of, random) => backoffDelay({ kind: of, failures: 1 }, random) === 0));
});

test('a wait is whole milliseconds within the limit, however often it failed', () => {
  fc.assert(
    fc.property(kind, failures, chance, (of, n, random) => {
      const delay = backoffDelay({ kind: of, failures: n }, random);
      assert.ok(Number.isInteger(delay) && delay >= Math.min(1, n - 1) && delay <= BACKOFF[of].max, String(delay));
      assert.ok(delay <= limit({ kind: of, failures: n }));
    }),
  );
});

test('limits never sink as failures add up', () => {
  fc.assert(
    fc.property(kind, failures, failures, (of, a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      assert.ok(limit({ kind: of, failures: less }) <= limit({ kind: of, failures: more }));
    }),
  );
});

test('full jitter: chance spreads the waits over the whole range', () => {
  fc.assert(
    fc.property(kind, fc.integer({ min: 2, max: 40 }), chance, (of, n, random) => {
      const count = { kind: of, failures: n };
      // Each of these waits is reported, so none is 0.
      assert.equal(backoffDelay(count, random), Math.max(1, Math.round(random * limit(count))));
    }),
  );
});

test('only a worker that served long enough starts a new count', () => {
  assert.deepEqual(countFailure(undefined, 'boot', 0), { kind: 'boot', failures: 1 });
  const before = { kind: 'boot', failures: 5 } as const;
  assert.deepEqual(countFailure(before, 'boot', 0), { kind: 'boot', failures: 6 });
  assert.deepEqual(countFailure(before, 'crash', STABLE_AFTER - 1), { kind: 'crash', failures: 6 });
  assert.deepEqual(countFailure(before, 'crash', STABLE_AFTER), { kind: 'crash', failures: 1 });
});

test('a count is the deaths since the last stable worker, of whatever kinds', () => {
  const death = fc.record({ kind, served: fc.oneof(fc.constant(0), fc.nat(3 * STABLE_AFTER)) });
  fc.assert(
    fc.property(fc.array(death, { minLength: 1 }), (deaths) => {
      const count = deaths.reduce<FailureCount | undefined>(
        (before, { kind: of, served }) => countFailure(before, of, served),
        undefined,
      );
      const last = deaths.findLastIndex(({ served }) => served >= STABLE_AFTER);
      assert.deepEqual(count, { kind: deaths.at(-1)?.kind, failures: deaths.length - Math.max(last, 0) });
    }),
  );
});

/**
 * How often one slot is spawned in half a minute, if each worker dies this long after it is ready and boots in no time.
 */
function spawnsIn30Seconds(of: FailureKind, life: number, chance: () => number): number {
  let spawns = 0;
  let count: FailureCount | undefined;
  for (let now = 0; now < 30_000; spawns++) {
    count = countFailure(count, of, of === 'crash' ? life : 0);
    now += life + backoffDelay(count, chance());
  }
  return spawns;
}

for (const of of KINDS) {
  test(`a crash loop costs at most 25 spawns in 30 seconds, ${of}`, () => {
    let most = 0;
    for (let seed = 0; seed < 200_000; seed++) most = Math.max(most, spawnsIn30Seconds(of, 50, chances(seed)));
    assert.ok(most <= 25, `${most} spawns`);
  });
}

test('however long they live, workers that die again and again cost at most 25 spawns in 30 seconds', () => {
  for (let life = 50; life <= 2 * STABLE_AFTER; life += 50) {
    for (let seed = 0; seed < 500; seed++) {
      const spawns = spawnsIn30Seconds('crash', life, chances(life * 1000 + seed));
      assert.ok(spawns <= 25, `${spawns} spawns of workers that live for ${life} ms`);
    }
  }
});

test('a slot whose workers die at once is empty for at most the limit', () => {
  fc.assert(
    fc.property(kind, fc.array(chance, { maxLength: 100 }), (of, draws) => {
      let count: FailureCount | undefined;
      for (const random of draws) {
        count = countFailure(count, of, 0);
        assert.ok(backoffDelay(count, random) <= BACKOFF[of].max);
      }
    }),
  );
});
