import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { OwnNumbers } from '../../../../build/master/numbers/own-numbers.js';
import type { OwnMetric, OwnSample } from '../../../../build/protocol/metrics.js';
import { counter, gauge, histogram, metric, noAge, noWarning, tell, values } from '../../../helpers/own-numbers.js';

test('counters add up over workers and threads, and stay when these end', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
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
  // A worker that never told of any numbers.
  numbers.lose('c');
  numbers.lose('a', 1);
  assert.equal(numbers.told.size, 0);
});

test('a registry that begins anew, or forgets a series, takes nothing away', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
  tell(numbers, 'a', 0, counter(7), metric({ name: 'n', values: [{ labels: { x: '1' }, value: 4 }] }));
  tell(numbers, 'a', 0, counter(2));
  assert.deepEqual([values(numbers), values(numbers, 'n')], [{ 'm{}': 9 }, { 'n{"x":"1"}': 4 }]);
  tell(numbers, 'a', 0, counter(3));
  assert.deepEqual(values(numbers), { 'm{}': 10 });
  // The message says that nothing has changed.
  numbers.take('a', { type: 'metrics', thread: 0 });
  assert.deepEqual(values(numbers), { 'm{}': 10 });
});

test('metrics of one name in two registries are one metric', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
  const two = (first: number, second: number): void =>
    tell(numbers, 'a', 0, counter(first, { from: 'A' }), counter(1), counter(second, { from: 'B' }), counter(2));
  two(10, 20);
  const all = { 'm{"from":"A"}': 10, 'm{"from":"B"}': 20, 'm{}': 3 };
  assert.deepEqual(values(numbers), all);
  two(3, 21);
  assert.deepEqual(values(numbers), { ...all, 'm{"from":"A"}': 13, 'm{"from":"B"}': 21 });
  numbers.lose('a');
  assert.equal(values(numbers)['m{"from":"A"}'], 13);
  const gauges = new OwnNumbers<string>(noWarning, noAge);
  tell(gauges, 'a', 0, gauge(2, 'max'), gauge(3, 'max'));
  assert.deepEqual(values(gauges), { 'm{}': 3 });
});

test('of those that contradict each other the first counts, and that is told once', () => {
  const told: string[] = [];
  const numbers = new OwnNumbers<string>((worker, message) => told.push(`${worker}: ${message}`), noAge);
  for (const worker of ['a', 'a', 'b']) tell(numbers, worker, 0, counter(1), gauge(7, 'sum'));
  assert.deepEqual(values(numbers), { 'm{}': 2 });
  assert.deepEqual(told, [
    'a: two registries have a metric m, one a counter and one a gauge: only the first is exported',
  ]);
});

test('what a metric is says the worker that was started last, also where another one has told of it later', () => {
  const numbers = new OwnNumbers<string>(noWarning, (worker) => ['old', 'new'].indexOf(worker));
  tell(numbers, 'new', 0, gauge(4, 'max'));
  tell(numbers, 'old', 0, gauge(3, 'sum'));
  assert.deepEqual(values(numbers), { 'm{}': 4 });
  numbers.lose('new');
  assert.deepEqual(values(numbers), { 'm{}': 3 });
});

test('gauges are those of the living, as their aggregator says', () => {
  const expected = { sum: 9, first: 2, min: 2, max: 4, average: 3 };
  for (const [aggregator, value] of Object.entries(expected)) {
    const numbers = new OwnNumbers<string>(noWarning, noAge);
    for (const [index, each] of [2, 4, 3].entries()) tell(numbers, `w${index}`, 0, gauge(each, aggregator));
    assert.deepEqual(values(numbers), { 'm{}': value }, aggregator);
    for (const worker of ['w0', 'w1', 'w2']) numbers.lose(worker);
    assert.deepEqual(values(numbers), {}, aggregator);
  }
  const numbers = new OwnNumbers<string>(noWarning, noAge);
  tell(numbers, 'a', 0, gauge(1, 'omit'));
  assert.deepEqual(numbers.families(), []);
});

test('of a worker whose numbers have become too many, gauges are gone, and what counted stands until it tells of it again', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
  const tooMuch = (worker: string): void => numbers.take(worker, { type: 'metrics', thread: 0, tooMuch: true });
  const seen = (): unknown => [values(numbers), values(numbers, 'size')];
  for (const worker of ['a', 'b']) tell(numbers, worker, 0, counter(5), gauge(1, 'sum', 'size'));
  tooMuch('a');
  tooMuch('new');
  assert.deepEqual(seen(), [{ 'm{}': 10 }, { 'size{}': 1 }]);
  assert.deepEqual([...numbers.told.keys()], ['a', 'b', 'new']);
  tell(numbers, 'a', 0, counter(7), gauge(2, 'sum', 'size'));
  assert.deepEqual(seen(), [{ 'm{}': 12 }, { 'size{}': 3 }]);
  tooMuch('a');
  numbers.lose('a');
  assert.deepEqual(seen(), [{ 'm{}': 12 }, { 'size{}': 1 }]);
});

test('of summaries, the quantiles are left out', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
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
  const numbers = new OwnNumbers<string>(noWarning, noAge);
  tell(numbers, 'old', 0, counter(5));
  numbers.lose('old');
  tell(numbers, 'new', 0, gauge(1, 'sum'));
  assert.deepEqual(values(numbers), { 'm{}': 1 });
  tell(numbers, 'newer', 0, counter(2));
  assert.deepEqual(values(numbers), { 'm{}': 7 });
});

test('code that says something else of a metric, and does not stay, changes nothing of it', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
  tell(numbers, 'gone', 0, counter(3));
  numbers.lose('gone');
  for (const worker of ['a', 'b']) tell(numbers, worker, 0, counter(1), gauge(5, 'sum', 'size'));
  const before = [values(numbers), values(numbers, 'size')];
  assert.deepEqual(before, [{ 'm{}': 5 }, { 'size{}': 10 }]);
  for (const other of [gauge(7, 'sum'), histogram([1, 0, 0]), metric({ ...counter(1), help: 'other' })]) {
    tell(numbers, 'failed', 0, other, gauge(5, 'max', 'size'));
    const { type, help } = numbers.families().find(({ name }) => name === 'm') ?? {};
    // As long as this worker lives, its metric is the newest.
    assert.deepEqual([type, help], [other.type, other.help]);
    assert.deepEqual(values(numbers, 'size'), { 'size{}': 5 });
    const counted = other.type === 'counter' ? 1 : 0;
    numbers.lose('failed');
    assert.deepEqual([values(numbers), values(numbers, 'size')], [{ 'm{}': 5 + counted }, { 'size{}': 10 }]);
    assert.deepEqual(
      numbers.families().map(({ type, help }) => [type, help]),
      [
        ['counter', 'h'],
        ['gauge', 'h'],
      ],
    );
  }
});

test('what is kept of the dead is bounded, which is told once', () => {
  const told: string[] = [];
  const numbers = new OwnNumbers<string>((worker, message) => told.push(`${worker}: ${message}`), noAge);
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
  // The series that are known go on.
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
      const numbers = new OwnNumbers<string>(noWarning, noAge);
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
      const numbers = new OwnNumbers<string>(noWarning, noAge);
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
