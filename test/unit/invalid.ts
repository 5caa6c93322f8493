import assert from 'node:assert/strict';
import { ArbiterError } from '../../build/errors.js';

/** Runs a check that must fail with `ERR_INVALID_OPTION`, its message holding every fragment: who, expected what, got what. */
export function assertInvalid(check: () => unknown, ...fragments: readonly string[]): void {
  assert.throws(check, (error) => {
    assert.ok(error instanceof ArbiterError, `an ArbiterError, not ${error}`);
    assert.equal(error.code, 'ERR_INVALID_OPTION');
    for (const fragment of fragments) {
      assert.ok(error.message.includes(fragment), `${JSON.stringify(fragment)} is missing in: ${error.message}`);
    }
    return true;
  });
}

/** For properties over any input: it passes or is refused, but nothing else is ever thrown. */
export function passesOrIsRefused(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ArbiterError && error.code === 'ERR_INVALID_OPTION')) throw error;
  }
}
