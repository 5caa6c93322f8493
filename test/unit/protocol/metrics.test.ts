import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { encodeMessage, parseMessage } from '../../../build/protocol/messages.js';
import { readMetrics } from '../../../build/protocol/metrics.js';
import { textless } from '../../helpers/textless.js';

const good = { name: 'a_total', help: 'h', type: 'counter', values: [{ value: 1, labels: { path: '/', code: 200 } }] };
const read = {
  ...{ name: 'a_total', help: 'h', type: 'counter', aggregator: 'sum' },
  samples: [{ name: 'a_total', labels: { path: '/', code: '200' }, value: 1 }],
};

test('metrics are read as prom-client gives them, and again as they are sent', () => {
  const { metrics, refused } = readMetrics([good]);
  assert.deepEqual([metrics, refused], [[read], []]);
  const message = { type: 'metrics', thread: 2, metrics } as const;
  assert.deepEqual(parseMessage(encodeMessage(message).trim()), message);
  const unchanged = { type: 'metrics', thread: 0 } as const;
  assert.deepEqual(parseMessage(encodeMessage(unchanged).trim()), unchanged);
});

test('a label may have any name that Prometheus takes', () => {
  const labels = JSON.parse('{ "__proto__": "1", "constructor": "2" }');
  const { metrics } = readMetrics([{ ...good, values: [{ value: 1, labels }] }]);
  assert.deepEqual(Object.entries(metrics[0]?.samples[0]?.labels ?? {}), [
    ['__proto__', '1'],
    ['constructor', '2'],
  ]);
});

test('what is no metric, or is named like one of this library, is refused', () => {
  const bad: unknown[] = [
    ...[undefined, null, 1, 'text', [], {}],
    { ...good, name: 'prefork_requests_total' },
    ...['', '1a', 'a b', 'a-b', 'é', 5].map((name) => ({ ...good, name })),
    ...['untyped', undefined, 1].map((type) => ({ ...good, type })),
    { ...good, aggregator: 'median' },
    { ...good, values: undefined },
  ];
  for (const each of bad) {
    const { metrics, refused } = readMetrics([each]);
    assert.deepEqual([metrics, refused.length], [[], 1], JSON.stringify(each));
  }
  assert.deepEqual(readMetrics('text'), { metrics: [], refused: ['one of type string, without a name'] });
  assert.deepEqual(readMetrics([{ ...good, name: 'a-b' }, good, null]), {
    metrics: [read],
    refused: ["'a-b'", 'one of type null, without a name'],
  });
});

test('samples that Prometheus could not read, or that would be of another metric, are left out', () => {
  const bad: unknown[] = [
    ...[null, 1, {}],
    ...[null, 'x', Number.NaN, Number.POSITIVE_INFINITY].map((value) => ({ value })),
    { value: 1, labels: { 'a-b': 1 } },
    { value: 1, labels: 'x' },
    ...[{}, [], { toString: 1 }, [{ toString: null }], Object.create(null)].map((a) => ({ value: 1, labels: { a } })),
    { value: 1, metricName: 'a_total_max' },
    { value: 1, metricName: 'b' },
  ];
  for (const each of bad) {
    assert.deepEqual(readMetrics([{ ...good, values: [each, ...good.values] }]).metrics, [read], JSON.stringify(each));
  }
});

test('a label of a class has the text that the class gives it, as for prom-client', () => {
  const values = [{ value: 1, labels: { at: new URL('http://a/'), none: null } }];
  const [metric] = readMetrics([{ ...good, values }]).metrics;
  assert.deepEqual(metric?.samples[0]?.labels, { at: 'http://a/', none: 'null' });
});

test('a worker says that its numbers have become too many', () => {
  const message = { type: 'metrics', thread: 2, ask: 3, tooMuch: true } as const;
  assert.deepEqual(parseMessage(JSON.stringify(message)), message);
  assert.deepEqual(parseMessage(JSON.stringify({ ...message, tooMuch: 1 })), { type: 'metrics', thread: 2, ask: 3 });
});

test('nothing that a worker may write is an exception in the master', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), textless), (value) => {
      readMetrics(value);
      readMetrics([{ ...good, values: value }]);
      readMetrics([{ ...good, values: [{ value: 1, labels: value }] }]);
      readMetrics([{ ...good, values: [{ value: 1, labels: { a: value } }] }]);
      for (const key of Object.keys(good)) readMetrics([{ ...good, [key]: value }]);
      parseMessage(JSON.stringify({ type: 'metrics', thread: 0, metrics: value }));
    }),
  );
});
