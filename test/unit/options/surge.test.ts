import assert from 'node:assert/strict';
import test from 'node:test';
import { surge, surgeOf } from '../../../build/options/surge.js';

for (const { option, sizes } of [
  { option: '25%', sizes: { 1: 1, 3: 1, 4: 1, 7: 1, 8: 2, 100: 25 } },
  { option: '1%', sizes: { 1: 1, 199: 1, 200: 2 } },
  { option: '100%', sizes: { 1: 1, 8: 8 } },
  { option: 3, sizes: { 1: 3, 8: 3 } },
]) {
  test(`a surge of ${option}: that many, and at least one`, () => {
    for (const [workers, size] of Object.entries(sizes)) {
      assert.equal(surgeOf(surge(option, 'surge'), Number(workers)), size, `of ${workers}`);
    }
  });
}
