import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Named } from '../../../../build/worker/vitals/named.js';

test('only the request that is stored as being in flight is named', () => {
  const named = new Named();
  assert.equal(named.begin('GET', '/'), false);
  named.store(true, true);
  assert.equal(named.begin('GET', '/'), true);
  assert.equal(named.begin('POST', '/'), false);
  assert.equal(named.begin('GET', '/other'), false);
  // That no request is in flight is stored together with the last start, which was put off.
  named.store(true, false);
  assert.equal(named.begin('GET', '/other'), false);
});

test('whatever is put off: when a handler runs, the slot names its request', () => {
  const request = fc.record({ method: fc.constantFrom('GET', 'POST'), url: fc.constantFrom('/a', '/b') });
  const step = fc.oneof(fc.constant('timer' as const), request);
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const named = new Named();
      let slot: { method: string; url: string; active: boolean } | undefined;
      let image = { method: '', url: '' };
      let begun = false;
      const store = (active: boolean): void => {
        slot = { ...(begun ? image : { method: slot?.method ?? '', url: slot?.url ?? '' }), active };
        named.store(begun, active);
        begun = false;
      };
      for (const each of steps) {
        if (each === 'timer') {
          store(false);
          continue;
        }
        image = each;
        begun = true;
        if (!named.begin(each.method, each.url)) store(true);
        assert.deepEqual(slot, { ...each, active: true });
      }
    }),
  );
});
