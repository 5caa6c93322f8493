import assert from 'node:assert/strict';
import test from 'node:test';
import { countsByItself, headerListPairs } from '../../../../build/worker/http/header-count.js';

for (const [version, counts] of [
  ['20.20.2', false],
  ['22.23.1', false],
  ['22.23.2', true],
  ['22.24.0', true],
  ['23.11.1', false],
  ['24.18.0', false],
  ['24.18.1', true],
  ['24.21.0', true],
  ['25.9.9', false],
  ['26.4.0', false],
  ['26.5.1', true],
  ['27.0.0', true],
] as const) {
  test(`node ${version} ${counts ? 'counts' : 'does not count'} headers by itself`, () => {
    assert.equal(countsByItself(version), counts);
  });
}

test('the limit of HTTP/2 has room for what is no header there', () => {
  assert.deepEqual([1, 1_000, 0].map(headerListPairs), [5, 1_004, 4_294_967_295]);
});
