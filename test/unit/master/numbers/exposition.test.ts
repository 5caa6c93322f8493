import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { expose, type Family } from '../../../../build/master/numbers/exposition.js';
import { type ParsedFamily, parsed } from '../../../helpers/exposition.js';

test('names, help, types, labels and values, one line each', () => {
  const families: Family[] = [
    {
      ...{ name: 'a_total', type: 'counter', help: 'A \\ and\na line.' },
      samples: [
        { name: 'a_total', labels: {}, value: 1 },
        { name: 'a_total', labels: { x: 'y "z" \\\n', b: '' }, value: 1.5e-7 },
      ],
    },
    { name: 'empty', type: 'gauge', help: '', samples: [] },
    { name: 'g', type: 'gauge', help: '', samples: [{ name: 'g', labels: {}, value: Number.NEGATIVE_INFINITY }] },
  ];
  const lines = [
    ...['# HELP a_total A \\\\ and\\na line.', '# TYPE a_total counter'],
    ...['a_total 1', 'a_total{x="y \\"z\\" \\\\\\n",b=""} 1.5e-7'],
    ...['# TYPE g gauge', 'g -Inf', ''],
  ];
  assert.equal(expose(families), lines.join('\n'));
  assert.equal(expose([]), '');
});

test('whatever stands in a label, a parser of its own finds it there', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '{', '}', ',', '=', ' ', 'é', '#') });
  fc.assert(
    fc.property(text, text, fc.double({ noNaN: true, noDefaultInfinity: true }), (one, other, value) => {
      const labels = { one, other };
      const family: Family = { name: 'm', type: 'gauge', help: one, samples: [{ name: 'm', labels, value }] };
      const [sample] = (parsed(expose([family])).get('m') as ParsedFamily).metrics as [
        { labels: object; value: string },
      ];
      assert.deepEqual([sample.labels, Number(sample.value)], [labels, value + 0]);
    }),
  );
});
