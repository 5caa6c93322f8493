import assert from 'node:assert/strict';
import test from 'node:test';
import { ArbiterError, type ArbiterErrorCode } from '../../build/errors.js';

// Programs of users compare with these codes. So the list is written out here a second time: a change must be intended.
// A code too many or too few does not compile.
const CODES: Record<ArbiterErrorCode, number> = {
  ERR_INVALID_OPTION: 1,
  ERR_STATE: 1,
  ERR_NO_ENTRY: 1,
  ERR_PERMISSION: 1,
  ERR_BUNDLED: 1,
  ERR_BIND: 1,
  ERR_APP_LOAD: 4,
  ERR_WORKER_BOOT: 3,
  ERR_BOOT_TIMEOUT: 3,
  ERR_RELOAD_FAILED: 1,
  ERR_UPGRADE_FAILED: 1,
  ERR_MESSAGE_LOST: 1,
  ERR_MESSAGE_ROOM: 1,
  ERR_PIDFILE: 1,
  ERR_NOTIFY: 1,
  ERR_LISTENER: 1,
  ERR_GUARD: 1,
  ERR_SCOREBOARD: 1,
  ERR_ACCESS_LOG: 1,
  ERR_SYSTEM: 1,
  ERR_CLEANUP: 1,
};

for (const [code, exitCode] of Object.entries(CODES) as [ArbiterErrorCode, number][]) {
  test(`${code} ends a program with ${exitCode}`, () => {
    const cause = new Error('below');
    const error = new ArbiterError(code, 'what happened', { cause });
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'ArbiterError');
    assert.equal(error.code, code);
    assert.equal(error.exitCode, exitCode);
    assert.equal(error.message, 'what happened');
    assert.equal(error.cause, cause);
    assert.match(error.stack ?? '', /^ArbiterError: what happened\n|^Error: what happened\n/);
  });
}

test('without a cause there is no property of that name', () => {
  assert.equal(Object.hasOwn(new ArbiterError('ERR_STATE', ''), 'cause'), false);
});
