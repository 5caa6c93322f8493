/* Histograms of the workers: they have buckets, begin anew as a whole, and are cumulative. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { OwnNumbers } from '../../../../build/master/numbers/own-numbers.js';
import { counts, histogram, noAge, noWarning, tell, values } from '../../../helpers/own-numbers.js';

test('a sum may fall, as long as its count does not', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
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
    const numbers = new OwnNumbers<string>(noWarning, noAge);
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
      const numbers = new OwnNumbers<string>(noWarning, noAge);
      let state: number[] = [0, 0, 0];
      let last = [0, 0, 0, 0];
      for (const { act, own } of steps) {
        if (act === 'die') numbers.lose('a');
        // A registry that was reset also tells what it has counted since.
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

test('histograms of code with other buckets add up to one that is cumulative', () => {
  const numbers = new OwnNumbers<string>(noWarning, noAge);
  tell(numbers, 'old', 0, histogram([10, 0, 0], 0, {}, ['0.1', '1', '+Inf']));
  const expected = (values: readonly number[]): Record<string, number> =>
    Object.fromEntries(
      ['{"le":"0.1"}', '{"le":"0.5"}', '{"le":"1"}', '{"le":"+Inf"}'].map((le, index) => [
        `m_bucket${le}`,
        values[index] as number,
      ]),
    );
  for (const end of [
    () => tell(numbers, 'new', 0, histogram([2, 1, 1], 0, {}, ['0.5', '1', '+Inf'])),
    () => numbers.lose('old'),
    () => numbers.lose('new'),
  ]) {
    end();
    const all = values(numbers);
    const { 'm_sum{}': _, 'm_count{}': count, ...buckets } = all;
    // How many values of the new worker are below 0.1 is not known. The old worker had ten below 0.1, and these are
    // below 0.5 too.
    assert.deepEqual(Object.entries(buckets), Object.entries(expected([10, 12, 13, 14])));
    assert.equal(count, 14);
  }
  tell(numbers, 'both', 0, histogram([1, 1], 0, {}, ['0.5', '+Inf']), histogram([1, 1], 0, {}, ['0.1', '+Inf']));
  assert.deepEqual(Object.values(values(numbers)).slice(0, 4), [11, 14, 15, 18]);
});

test('whatever buckets workers have, and whenever they end: counts grow with the bounds, and none falls', () => {
  const all = ['0.1', '0.5', '2.5', '10', '+Inf'];
  const step = fc.record({
    worker: fc.constantFrom('a', 'b', 'c'),
    act: fc.constantFrom('tell', 'tell', 'die'),
    bounds: fc.subarray(all.slice(0, -1)).map((some) => [...some, '+Inf']),
    own: fc.array(fc.nat(5), { minLength: 5, maxLength: 5 }),
    path: fc.constantFrom('/', '/a'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const numbers = new OwnNumbers<string>(noWarning, noAge);
      let last: Record<string, number> = {};
      for (const { worker, act, bounds, own, path } of steps) {
        if (act === 'die') numbers.lose(worker);
        else tell(numbers, worker, 0, histogram(own.slice(0, bounds.length), 0, { path }, bounds));
        const now = values(numbers);
        for (const [key, value] of Object.entries(last))
          assert.ok((now[key] ?? -1) >= value, `${key} of ${JSON.stringify(now)}`);
        for (const each of ['/', '/a']) {
          const rungs = Object.entries(now).filter(
            ([key]) => key.startsWith('m_bucket') && key.includes(`"path":"${each}"`),
          );
          assert.deepEqual(
            rungs.map(([key]) => all.find((le) => key.includes(`"le":"${le}"`))),
            all.filter((le) => rungs.some(([key]) => key.includes(`"le":"${le}"`))),
          );
          const counts = rungs.map(([, value]) => value);
          assert.deepEqual(
            counts,
            counts.toSorted((a, b) => a - b),
          );
          assert.equal(counts.at(-1), now[`m_count{"path":"${each}"}`]);
        }
        last = now;
      }
    }),
  );
});
