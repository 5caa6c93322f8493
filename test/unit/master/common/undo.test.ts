import assert from 'node:assert/strict';
import test from 'node:test';
import type { ArbiterError } from '../../../../build/errors.js';
import { type Step, undoAll, undoNow } from '../../../../build/master/common/undo.js';

/** Steps of which the given ones fail, with a record of what was done and what was told. */
function steps(failing: readonly number[], how: 'throws' | 'rejects') {
  const done: number[] = [];
  const told: ArbiterError[] = [];
  const all = Array.from(
    { length: 4 },
    (_, index): Step => [
      `step ${index}`,
      () => {
        done.push(index);
        if (!failing.includes(index)) return undefined;
        if (how === 'rejects') return Promise.reject(new Error(`fault ${index}`));
        throw new Error(`fault ${index}`);
      },
    ],
  );
  return { all, done, told, note: (error: ArbiterError) => void told.push(error) };
}

const SUBSETS = Array.from({ length: 16 }, (_, bits) => [0, 1, 2, 3].filter((index) => bits & (1 << index)));

for (const how of ['throws', 'rejects'] as const) {
  test(`whichever steps fail, all are done in order, and each failure is told: one that ${how}`, async () => {
    for (const failing of SUBSETS) {
      const { all, done, told, note } = steps(failing, how);
      await undoAll(all, note);
      assert.deepEqual(done, [0, 1, 2, 3]);
      assert.deepEqual(
        told.map(({ code, message }) => [code, message.slice(0, 6)]),
        failing.map((index) => ['ERR_CLEANUP', `step ${index}`]),
      );
    }
  });
}

test('at once', () => {
  for (const failing of SUBSETS) {
    const { all, done, told, note } = steps(failing, 'throws');
    undoNow(all, note);
    assert.deepEqual(done, [0, 1, 2, 3]);
    assert.deepEqual(
      told.map(({ cause }) => (cause as Error).message),
      failing.map((index) => `fault ${index}`),
    );
  }
});
