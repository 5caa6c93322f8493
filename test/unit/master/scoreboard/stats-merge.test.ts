import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { mergeRecords } from '../../../../build/master/scoreboard/stats.js';
import { type SlotRecord, STATE } from '../../../../build/scoreboard/scoreboard.js';

const small = fc.nat(1_000_000);
const request = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  url: fc.webPath(),
  startedAt: fc.nat(4_000_000_000),
});
const times = fc.record({ counts: fc.array(small, { minLength: 16, maxLength: 16 }), sum: small });
const record: fc.Arbitrary<SlotRecord> = fc.record({
  pid: fc.constant(42),
  state: fc.constantFrom(STATE.BOOTING, STATE.SERVING, STATE.DRAINING),
  active: small,
  connections: small,
  exitCode: fc.option(fc.nat(255), { nil: undefined }),
  beat: fc.double({ min: 0, max: 1e9, noNaN: true }),
  requests: small,
  errors: small,
  abandoned: small,
  rss: small,
  elu: fc.double({ min: 0, max: 1, noNaN: true }),
  patientUntil: fc.constant(0),
  requestTime: times,
  waitTime: times,
  sent: fc.constant(0),
  room: fc.constant(undefined),
  request: fc.option(request, { nil: undefined }),
});

test('without a record there is none', () => {
  assert.equal(mergeRecords([]), undefined);
});

test('a process without threads is what its slot says', () => {
  fc.assert(fc.property(record, (own) => assert.deepEqual(mergeRecords([own]), own)));
});

test('with threads, what is countable adds up and the rest is that of the process', () => {
  fc.assert(
    fc.property(record, fc.array(record, { minLength: 1, maxLength: 8 }), (own, threads) => {
      const all = [own, ...threads];
      const merged = mergeRecords(all);
      for (const field of ['active', 'connections', 'requests', 'errors', 'abandoned'] as const) {
        assert.equal(
          merged?.[field],
          all.reduce((sum, each) => sum + each[field], 0),
          field,
        );
      }
      for (const field of ['requestTime', 'waitTime'] as const) {
        const buckets = all.map((each) => [...each[field].counts, each[field].sum]);
        const sums = buckets.reduce((sum, each) => sum.map((value, index) => value + (each[index] ?? 0)));
        assert.deepEqual([...(merged?.[field].counts ?? []), merged?.[field].sum], sums, field);
      }
      for (const field of ['pid', 'state', 'exitCode', 'beat', 'rss'] as const) {
        assert.equal(merged?.[field], own[field], field);
      }
    }),
  );
});

test('the load is the mean of the threads, since the main thread only supervises', () => {
  fc.assert(
    fc.property(record, fc.array(record, { minLength: 1, maxLength: 8 }), (own, threads) => {
      const { elu = Number.NaN } = mergeRecords([own, ...threads]) ?? {};
      const mean = threads.reduce((sum, each) => sum + each.elu, 0) / threads.length;
      assert.ok(Math.abs(elu - mean) < 1e-9, `${elu}, not ${mean}`);
    }),
  );
});

test('of the requests in flight the oldest is named, whichever thread has it', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 2, maxLength: 8 }), (records) => {
      const starts = records.flatMap((each) => (each.request ? [each.request.startedAt] : []));
      const named = mergeRecords(records)?.request;
      assert.equal(named?.startedAt, starts.length === 0 ? undefined : Math.min(...starts));
      if (named) assert.ok(records.some((each) => each.request === named));
    }),
  );
});

test('the records themselves stay as they are', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), (records) => {
      const before = structuredClone(records);
      mergeRecords(records);
      assert.deepEqual(structuredClone(records), before);
    }),
  );
});
