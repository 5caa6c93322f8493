import assert from 'node:assert/strict';
import test from 'node:test';
import { PACE_VARIABLE, pace } from '../../build/pace.js';

const PACE: string = new URL('../../build/pace.js', import.meta.url).href;

test('a time of the library is its own where nobody has said otherwise', { skip: process.env[PACE_VARIABLE] }, () => {
  assert.equal(pace('soak', 1_000), 1_000);
});

for (const [given, soak] of [
  ['{"soak":5}', 5],
  ['{"soak":0}', 0],
  ['{"rest":5}', 1_000],
  ['{"soak":"5"}', 1_000],
  ['{"soak":-1}', 1_000],
  ['{"soak":null}', 1_000],
  ['null', 1_000],
  ['5', 1_000],
  ['', 1_000],
  ['no JSON', 1_000],
] as const) {
  test(`what a test says of it counts if it is a time: ${given}`, async (t) => {
    const before = process.env[PACE_VARIABLE];
    t.after(() => {
      if (before === undefined) delete process.env[PACE_VARIABLE];
      else process.env[PACE_VARIABLE] = before;
    });
    process.env[PACE_VARIABLE] = given;
    // The variable is read once in each process, or in each copy of the module.
    const copy = (await import(`${PACE}?${encodeURIComponent(given)}`)) as { pace: typeof pace };
    assert.equal(copy.pace('soak', 1_000), soak);
  });
}
