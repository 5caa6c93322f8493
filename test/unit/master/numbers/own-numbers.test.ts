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
const noWarning = (_: string, message: string): void => assert.fail(message);
/** Counts of a histogram with these bounds, of each what it has itself; the last one is without end. */
const BOUNDS = ['0.1', '0.5', '+Inf'];
function histogram(own: readonly number[], sum = 0, labels = {}): OwnMetric {
  const counts = own.map((_, index) => own.slice(0, index + 1).reduce((all, each) => all + each, 0));
  const buckets = BOUNDS.map((le, index) => ({
    ...{ metricName: 'm_bucket', labels: { le, ...labels }, value: counts[index] },
  }));
  const total = counts.at(-1);
  return metric({
    type: 'histogram',
    values: [...buckets, { metricName: 'm_sum', labels, value: sum }, { metricName: 'm_count', labels, value: total }],
  });
}
/** The buckets in the order of their bounds, and the count. */
function counts(numbers: OwnNumbers<string>): number[] {
  const found = values(numbers);
  return [...BOUNDS.map((le) => `m_bucket${JSON.stringify({ le })}`), 'm_count{}'].map((key) => found[key] ?? 0);
}

function values(numbers: OwnNumbers<string>, name = 'm'): Record<string, number> {
  const found = numbers.families().find((family) => family.name === name);
  return Object.fromEntries(
    (found?.samples ?? []).map((sample) => [`${sample.name}${JSON.stringify(sample.labels)}`, sample.value]),
  );
}
const tell = (numbers: OwnNumbers<string>, worker: string, thread: number, ...metrics: OwnMetric[]): void =>
  numbers.take(worker, { type: 'metrics', thread, metrics });

test('counters add up over workers and threads, and stay when these end', () => {
  const numbers = new OwnNumbers<string>(noWarning);
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
  const numbers = new OwnNumbers<string>(noWarning);
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
  const numbers = new OwnNumbers<string>(noWarning);
  const told = (): unknown => ['m_bucket{"le":"0.1"}', 'm_sum{}', 'm_count{}'].map((key) => values(numbers)[key]);
  tell(numbers, 'a', 0, histogram([2, 0, 0], 5));
  tell(numbers, 'a', 0, histogram([3, 0, 0], -1));
  assert.deepEqual(told(), [3, -1, 3]);
  tell(numbers, 'a', 0, histogram([1, 0, 0], 4));
  assert.deepEqual(told(), [4, 3, 4]);
  tell(numbers, 'b', 0, histogram([1, 0, 0], 1));
  numbers.lose('a');
  assert.deepEqual(told(), [5, 4, 5]);
});

test('a histogram that begins anew does so as a whole, whichever of its numbers shows it', () => {
  for (const [before, after, shown] of [
    [
      [5, 0, 0],
      [4, 2, 0],
      [9, 11, 11, 11],
    ],
    [
      [5, 0, 95],
      [7, 2, 41],
      [12, 14, 150, 150],
    ],
    [
      [0, 5, 0],
      [1, 2, 3],
      [1, 8, 11, 11],
    ],
  ] as const) {
    const numbers = new OwnNumbers<string>(noWarning);
    const others = { path: '/' };
    tell(numbers, 'a', 0, histogram(before));
    tell(numbers, 'b', 0, histogram([1, 1, 1], 0, others));
    tell(numbers, 'a', 0, histogram(after));
    tell(numbers, 'b', 0, histogram([2, 1, 1], 0, others));
    assert.deepEqual(counts(numbers), shown);
    assert.equal(values(numbers)['m_count{"path":"/"}'], 4, 'those of other labels go on');
  }
});

test('buckets of a histogram are cumulative, and none of its counts falls, whenever it begins anew', () => {
  const step = fc.record({
    act: fc.constantFrom('count', 'reset', 'reset', 'die'),
    own: fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const numbers = new OwnNumbers<string>(noWarning);
      let state: number[] = [0, 0, 0];
      let last = [0, 0, 0, 0];
      for (const { act, own } of steps) {
        if (act === 'die') numbers.lose('a');
        // What a registry that was reset has counted since is told with it.
        state = act === 'count' ? state.map((count, index) => count + (own[index] ?? 0)) : own;
        if (act !== 'die') tell(numbers, 'a', 0, histogram(state));
        const now = counts(numbers);
        const text = `${now} after ${last}`;
        assert.ok(
          now.every((count, index) => count >= (last[index] as number)),
          text,
        );
        assert.ok((now[0] as number) <= (now[1] as number) && (now[1] as number) <= (now[2] as number), text);
        assert.equal(now[2], now[3], text);
        last = now;
      }
    }),
  );
});

test('metrics of one name in two registries are one metric', () => {
  const numbers = new OwnNumbers<string>(noWarning);
  const two = (first: number, second: number): void =>
    tell(numbers, 'a', 0, counter(first, { from: 'A' }), counter(1), counter(second, { from: 'B' }), counter(2));
  two(10, 20);
  const all = { 'm{"from":"A"}': 10, 'm{"from":"B"}': 20, 'm{}': 3 };
  assert.deepEqual(values(numbers), all);
  two(3, 21);
  assert.deepEqual(values(numbers), { ...all, 'm{"from":"A"}': 13, 'm{"from":"B"}': 21 });
  numbers.lose('a');
  assert.equal(values(numbers)['m{"from":"A"}'], 13);
  const gauges = new OwnNumbers<string>(noWarning);
  tell(gauges, 'a', 0, gauge(2, 'max'), gauge(3, 'max'));
  assert.deepEqual(values(gauges), { 'm{}': 3 });
});

test('of those that contradict each other the first counts, and that is told once', () => {
  const told: string[] = [];
  const numbers = new OwnNumbers<string>((worker, message) => told.push(`${worker}: ${message}`));
  for (const worker of ['a', 'a', 'b']) tell(numbers, worker, 0, counter(1), gauge(7, 'sum'));
  assert.deepEqual(values(numbers), { 'm{}': 2 });
  assert.deepEqual(told, [
    'a: two registries have a metric m, one a counter and one a gauge: only the first is exported',
  ]);
});

test('gauges are those of the living, as their aggregator says', () => {
  const expected = { sum: 9, first: 2, min: 2, max: 4, average: 3 };
  for (const [aggregator, value] of Object.entries(expected)) {
    const numbers = new OwnNumbers<string>(noWarning);
    for (const [index, each] of [2, 4, 3].entries()) tell(numbers, `w${index}`, 0, gauge(each, aggregator));
    assert.deepEqual(values(numbers), { 'm{}': value }, aggregator);
    for (const worker of ['w0', 'w1', 'w2']) numbers.lose(worker);
    assert.deepEqual(values(numbers), {}, aggregator);
  }
  const numbers = new OwnNumbers<string>(noWarning);
  tell(numbers, 'a', 0, gauge(1, 'omit'));
  assert.deepEqual(numbers.families(), []);
});

test('of summaries, the quantiles are left out', () => {
  const numbers = new OwnNumbers<string>(noWarning);
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
  const numbers = new OwnNumbers<string>(noWarning);
  tell(numbers, 'old', 0, counter(5));
  numbers.lose('old');
  tell(numbers, 'new', 0, gauge(1, 'sum'));
  assert.deepEqual(values(numbers), { 'm{}': 1 });
  tell(numbers, 'newer', 0, counter(2));
  assert.deepEqual(values(numbers), { 'm{}': 7 });
});

test('what is kept of the dead is bounded, which is told once', () => {
  const told: string[] = [];
  const numbers = new OwnNumbers<string>((worker, message) => told.push(`${worker}: ${message}`));
  const samples = (count: number, first: number): OwnSample[] =>
    Array.from({ length: count }, (_, index) => ({
      ...{ name: 'm', labels: { id: String(first + index) }, value: 1 },
    }));
  tell(numbers, 'a', 0, metric({ samples: samples(10_000, 0) }));
  numbers.lose('a');
  assert.equal(told.length, 0);
  tell(numbers, 'b', 0, metric({ samples: samples(2_000, 10_000) }));
  numbers.lose('b');
  assert.equal(Object.keys(values(numbers)).length, 10_000);
  // Those that are known go on.
  tell(numbers, 'c', 0, counter(1, { id: '3' }), counter(1, { id: 'new' }));
  numbers.lose('c');
  assert.equal(values(numbers)['m{"id":"3"}'], 2);
  assert.equal(told.length, 1);
  assert.match(told[0] as string, /^b: more than 10000 series of workers that have ended .* their counters fall/);
});

test('counters never go back, whatever becomes of workers, threads and registries', () => {
  const step = fc.record({
    worker: fc.constantFrom('a', 'b', 'c'),
    thread: fc.nat(2),
    act: fc.constantFrom('count', 'count', 'reset', 'tell', 'tell', 'die', 'dieWhole'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const numbers = new OwnNumbers<string>(noWarning);
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
      const numbers = new OwnNumbers<string>(noWarning);
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
