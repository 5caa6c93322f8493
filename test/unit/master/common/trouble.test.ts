import assert from 'node:assert/strict';
import test from 'node:test';
import { ArbiterError } from '../../../../build/errors.js';
import { asTrouble, TroubleFilter } from '../../../../build/master/common/trouble.js';

test('what was thrown becomes an error of this library, unless it is one', () => {
  const own = new ArbiterError('ERR_BIND', 'cannot bind');
  assert.equal(asTrouble('starting', own), own);
  const cause = new Error('EIO');
  const { code, message, cause: below } = asTrouble('starting', cause);
  assert.deepEqual([code, message, below], ['ERR_SYSTEM', 'starting: EIO', cause]);
  assert.equal(asTrouble('starting', 'text').message, 'starting: text');
});

test('the same is told of once a minute', () => {
  const filter = new TroubleFilter();
  const [one, other] = [new Error('one'), new Error('other')];
  const at = [0, 1, 59_999, 60_000, 60_001].map((now) => filter.passes(one, now));
  assert.deepEqual(at, [true, false, false, true, false]);
  assert.deepEqual([filter.passes(other, 60_002), filter.passes(other, 60_003)], [true, false]);
});
