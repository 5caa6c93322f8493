import assert from 'node:assert/strict';
import test from 'node:test';
import { resolveAccount } from '../../../build/system/account.js';

const skip = process.getuid?.() === 0 ? false : 'only root can change the account';
/** No account has this number. */
const NOBODY = 3_999_999_999;

test('a user that the system has no entry of, as in a container, needs a group by name', { skip }, () => {
  const message = /^option 'user': the group of 3999999999 is not known: .*; name the option 'group' too$/;
  assert.throws(() => resolveAccount(NOBODY, undefined), { code: 'ERR_INVALID_OPTION', message });
  assert.deepEqual(resolveAccount(NOBODY, 7), { user: NOBODY, group: 7 });
});

test('a name that the system does not know is refused with its option, as all there is to say', { skip }, () => {
  const of = (option: string) => ({
    code: 'ERR_INVALID_OPTION',
    message: `option '${option}': the ${option} no-such is not known`,
  });
  assert.throws(() => resolveAccount(undefined, 'no-such'), of('group'));
  assert.throws(() => resolveAccount('nobody', 'no-such'), of('group'));
  for (const group of ['daemon', undefined]) {
    assert.throws(() => resolveAccount('no-such', group), {
      ...of('user'),
      message: /^option 'user': the user no-such is not known: id: (?!.*name the option)/,
    });
  }
});

test('a group gets its number, a user stays a name, by which its further groups are found', { skip }, () => {
  assert.deepEqual(resolveAccount('nobody', 'root'), { user: 'nobody', group: 0 });
  assert.deepEqual(resolveAccount(undefined, 'root'), { group: 0 });
});
