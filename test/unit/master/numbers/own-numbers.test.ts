import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { OwnNumbers } from '../../../../build/master/numbers/own-numbers.js';
import { type OwnMetric, type OwnSample, readMetrics } from '../../../../build/protocol/metrics.js';

type Given = Partial<OwnMetric> & { readonly values?: unknown };
const metric = (given: Given): OwnMetric =>
  readMetrics([{ name: 'm', type: 'counter', help: 'h', ...given }]).metrics[0] as OwnMetric;
const counter = (value: number, labels = {}): OwnMetric => metric({ values: [{ labels, value }] });
const gauge = (value: number, aggregator: string): OwnMetric =>
  metric({ type: 'gauge', aggregator: aggregator as never, values: [{ labels: {}, value }] });

function values(numbers: OwnNumbers<string>, name = 'm'): Record<string, number> {
  const found = numbers.families().find((family) => family.name === name);
  return Object.fromEntries(
    (found?.samples ?? []).map((sample) => [`${sample.name}${JSON.stringify(sample.labels)}`, sample.value]),
  );
}
const tell = (numbers: OwnNumbers<string>, worker: string, thread: number, ...metrics: OwnMetric[]): void =>
  numbers.take(worker, { type: 'metrics', thread, metrics });

test('counters add up over workers and threads, and stay when these end', () => {
  const numbers = new OwnNumbers<string>();
  tell(numbers, 'a', 1, counter(1));
  tell(numbers, 'a', 2, counter(10));
  tell(numbers, 'b', 0, counter(100, { path: '/' }), metric({ name: 'other', values: [{ value: 3 }] }));
  const all = { 'm{}': 11, 'm{"path":"/"}': 100 };
  assert.deepEqual(values(numbers), all);
  assert.deepEqual(
    numbers.told,
    new Map([
      ['a', [1, 2]],
      ['b', [0]],
    ]),
  );
  numbers.lose('a', 2);
  assert.deepEqual(values(numbers), all);
  tell(numbers, 'a', 2, counter(5));
  assert.deepEqual(values(numbers), { ...all, 'm{}': 16 });
  numbers.lose('a');
  numbers.lose('b');
  assert.deepEqual(values(numbers), { ...all, 'm{}': 16 });
  assert.deepEqual(values(numbers, 'other'), { 'other{}': 3 });
  // Who never told of any.
  numbers.lose('c');
  numbers.lose('a', 1);
  assert.equal(numbers.told.size, 0);
});

test('a registry that begins anew, or forgets a series, takes nothing away', () => {
  const numbers = new OwnNumbers<string>();
  tell(numbers, 'a', 0, counter(7), metric({ name: 'n', values: [{ labels: { x: '1' }, value: 4 }] }));
  tell(numbers, 'a', 0, counter(2));
  assert.deepEqual([values(numbers), values(numbers, 'n')], [{ 'm{}': 9 }, { 'n{"x":"1"}': 4 }]);
  tell(numbers, 'a', 0, counter(3));
  assert.deepEqual(values(numbers), { 'm{}': 10 });
  // Nothing has changed.
  numbers.take('a', { type: 'metrics', thread: 0 });
  assert.deepEqual(values(numbers), { 'm{}': 10 });
});

test('a sum may fall, as long as its count does not', () => {
  const numbers = new OwnNumbers<string>();
  const histogram = (count: number, sum: number): OwnMetric =>
    metric({
      type: 'histogram',
      values: [
        { labels: { le: 1 }, metricName: 'm_bucket', value: count },
        { labels: { le: '+Inf' }, metricName: 'm_bucket', value: count },
        { labels: {}, metricName: 'm_sum', value: sum },
        { labels: {}, metricName: 'm_count', value: count },
      ],
    });
  const told = (): unknown => ['m_bucket{"le":"1"}', 'm_sum{}', 'm_count{}'].map((key) => values(numbers)[key]);
  tell(numbers, 'a', 0, histogram(2, 5));
  tell(numbers, 'a', 0, histogram(3, -1));
  assert.deepEqual(told(), [3, -1, 3]);
  tell(numbers, 'a', 0, histogram(1, 4));
  assert.deepEqual(told(), [4, 3, 4]);
  tell(numbers, 'b', 0, histogram(1, 1));
  numbers.lose('a');
  assert.deepEqual(told(), [5, 4, 5]);
});

test('gauges are those of the living, as their aggregator says', () => {
  const expected = { sum: 9, first: 2, min: 2, max: 4, average: 3 };
  for (const [aggregator, value] of Object.entries(expected)) {
    const numbers = new OwnNumbers<string>();
    for (const [index, each] of [2, 4, 3].entries()) tell(numbers, `w${index}`, 0, gauge(each, aggregator));
    assert.deepEqual(values(numbers), { 'm{}': value }, aggregator);
    for (const worker of ['w0', 'w1', 'w2']) numbers.lose(worker);
    assert.deepEqual(values(numbers), {}, aggregator);
  }
  const numbers = new OwnNumbers<string>();
  tell(numbers, 'a', 0, gauge(1, 'omit'));
  assert.deepEqual(numbers.families(), []);
});

test('of summaries, the quantiles are left out', () => {
  const numbers = new OwnNumbers<string>();
  const summary = (sum: number): OwnMetric =>
    metric({
      type: 'summary',
      values: [
        { labels: { quantile: 0.5 }, value: 7 },
        { metricName: 'm_sum', labels: {}, value: sum },
        { metricName: 'm_count', labels: {}, value: 1 },
      ],
    });
  tell(numbers, 'a', 0, summary(1));
  tell(numbers, 'b', 0, summary(2));
  assert.deepEqual(values(numbers), { 'm_sum{}': 3, 'm_count{}': 2 });
});

test('a name that has become another type is another metric', () => {
  const numbers = new OwnNumbers<string>();
  tell(numbers, 'old', 0, counter(5));
  numbers.lose('old');
  tell(numbers, 'new', 0, gauge(1, 'sum'));
  assert.deepEqual(values(numbers), { 'm{}': 1 });
  tell(numbers, 'newer', 0, counter(2));
  assert.deepEqual(values(numbers), { 'm{}': 7 });
});

test('what is kept of the dead is bounded', () => {
  const numbers = new OwnNumbers<string>();
  const samples: OwnSample[] = Array.from({ length: 12_000 }, (_, index) => ({
    ...{ name: 'm', labels: { id: String(index) }, value: 1 },
  }));
  tell(numbers, 'a', 0, metric({ samples }));
  numbers.lose('a');
  assert.equal(Object.keys(values(numbers)).length, 10_000);
  // Those that are known go on.
  tell(numbers, 'b', 0, counter(1, { id: '3' }));
  numbers.lose('b');
  assert.equal(values(numbers)['m{"id":"3"}'], 2);
});

test('counters never go back, whatever becomes of workers, threads and registries', () => {
  const step = fc.record({
    worker: fc.constantFrom('a', 'b', 'c'),
    thread: fc.nat(2),
    act: fc.constantFrom('count', 'count', 'reset', 'tell', 'tell', 'die', 'dieWhole'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const numbers = new OwnNumbers<string>();
      const own = new Map<string, number>();
      let told = 0;
      const known = new Map<string, number>();
      for (const { worker, thread, act } of steps) {
        const key = `${worker} ${thread}`;
        const before = values(numbers)['m{}'] ?? 0;
        if (act === 'count') own.set(key, (own.get(key) ?? 0) + 3);
        else if (act === 'reset') own.set(key, 0);
        else if (act === 'tell') {
          const [value, last] = [own.get(key) ?? 0, known.get(key) ?? 0];
          told += value >= last ? value - last : value;
          known.set(key, value);
          tell(numbers, worker, thread, counter(value));
        } else {
          numbers.lose(worker, act === 'die' ? thread : undefined);
          for (const dead of act === 'die' ? [key] : [0, 1, 2].map((each) => `${worker} ${each}`)) {
            own.delete(dead);
            known.delete(dead);
          }
        }
        const after = values(numbers)['m{}'] ?? 0;
        assert.ok(after >= before, `${after} after ${before}`);
        assert.equal(after, told);
      }
    }),
  );
});

test('a sum of fractions does not fall by a rounding when workers end', () => {
  const fraction = fc.nat(1_000).map((number) => number / 7);
  const fractions = fc.array(fraction, { minLength: 3, maxLength: 20 });
  fc.assert(
    fc.property(fractions, fc.infiniteStream(fc.nat()), (given, picks) => {
      const numbers = new OwnNumbers<string>();
      for (const [index, value] of given.entries()) tell(numbers, String(index), 0, counter(value));
      let last = values(numbers)['m{}'] ?? 0;
      const living = given.map((_, index) => String(index));
      while (living.length > 0) {
        const [gone] = living.splice((picks.next().value as number) % living.length, 1);
        numbers.lose(gone as string);
        const now = values(numbers)['m{}'] ?? 0;
        assert.ok(now >= last, `${now} after ${last}`);
        last = now;
      }
    }),
  );
});
