import assert from 'node:assert/strict';
import { ArbiterError } from '../../build/errors.js';

/**
 * Runs a check that must fail with `ERR_INVALID_OPTION`. The message must hold every fragment: which option, what was
 * expected, what was given.
 */
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

/** For properties over any input: the check passes or refuses it, but throws nothing else. */
export function passesOrIsRefused(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ArbiterError && error.code === 'ERR_INVALID_OPTION')) throw error;
  }
}
