import assert from 'node:assert/strict';
import test from 'node:test';
import type { MetricsMessage } from '../../../../build/protocol/metrics.js';

// This is set before anything is loaded that reads it.
process.env['PREFORK_PACE'] = JSON.stringify({ collect: 50 });
const { MetricsReporter } = await import('../../../../build/worker/entry/own-metrics.js');

const counter = (name: string, value: number) => ({ name, help: '', type: 'counter', values: [{ value, labels: {} }] });

// The timer of the limit does not keep a process alive, so this one does.
const alive = setInterval(() => undefined, 1_000);
test.after(() => clearInterval(alive));

/** A reporter, and what it has told and warned of. */
function reporter() {
  const told: MetricsMessage[] = [];
  const warned: string[] = [];
  const options = {
    thread: 0,
    tell: (message: MetricsMessage): void => void told.push(message),
    warn: (_code: string, message: string): void => void warned.push(message),
  };
  const values = (): Record<string, number | undefined> =>
    Object.fromEntries(
      (told.findLast(({ metrics }) => metrics)?.metrics ?? []).map(({ name, samples }) => [name, samples[0]?.value]),
    );
  return { made: new MetricsReporter(options), told, warned, values };
}

test('a registry that never answers holds up no other one, and what it had stands until it answers again', async () => {
  const { made, told, warned, values } = reporter();
  let good = 1;
  let answers: 'at once' | 'never' = 'at once';
  made.add({ getMetricsAsJSON: async () => [counter('good_total', good)] });
  made.add({
    getMetricsAsJSON: () => (answers === 'never' ? new Promise(() => undefined) : [counter('stuck_total', 7)]),
  });
  await made.answer(1);
  assert.deepEqual(values(), { good_total: 1, stuck_total: 7 });
  answers = 'never';
  good = 2;
  // Every question is answered, even if two come at the same time.
  await Promise.all([made.answer(2), made.answer(3)]);
  assert.deepEqual(values(), { good_total: 2, stuck_total: 7 });
  assert.ok(told.some(({ ask }) => ask === 3));
  assert.match(warned[0] ?? '', /have not come within 50 ms, so those of before stand/);
  answers = 'at once';
  good = 3;
  await made.answer(4);
  assert.deepEqual(values(), { good_total: 3, stuck_total: 7 });
});

test('numbers that are too many are told of once, each question is answered, and they come again when they are fewer', async () => {
  const { made, told, warned } = reporter();
  let size = 0;
  const values = (): object[] =>
    Array.from({ length: size }, (_, id) => ({ value: 1, labels: { id: `${id}`.repeat(30) } }));
  made.add({ getMetricsAsJSON: () => [counter('few_total', 1), { ...counter('much', 1), values: values() }] });
  await made.answer(1);
  size = 20_000;
  for (const ask of [2, 3]) await made.answer(ask);
  size = 0;
  await made.answer(4);
  assert.deepEqual(
    told.map(({ ask, metrics, tooMuch }) => [ask, metrics?.length, tooMuch]),
    [
      [1, 2, undefined],
      [2, undefined, true],
      [3, undefined, undefined],
      [4, 2, undefined],
    ],
  );
  assert.match(warned[0] ?? '', /^its metrics take \d+ characters of JSON, and at most \d+ are exported$/);
});

test('a registry that fails holds up no other one', async () => {
  const { made, warned, values } = reporter();
  made.add({ getMetricsAsJSON: () => Promise.reject(new Error('no database')) });
  made.add({ getMetricsAsJSON: () => [counter('good_total', 1)] });
  await made.answer(1);
  assert.deepEqual(values(), { good_total: 1 });
  assert.match(warned[0] ?? '', /^its metrics could not be had: no database$/);
});
