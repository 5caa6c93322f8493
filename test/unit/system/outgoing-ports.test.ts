import assert from 'node:assert/strict';
import test from 'node:test';
import { outgoingPorts } from '../../../build/system/outgoing-ports.js';

test('the ports of outgoing connections, as Linux tells them', () => {
  assert.deepEqual(
    outgoingPorts(() => '32768\t60999\n'),
    [32768, 60999],
  );
});

test('none where the system tells nothing that is known', () => {
  for (const told of [undefined, '', 'any', '32768']) {
    assert.equal(
      outgoingPorts(() => told),
      undefined,
    );
  }
});
