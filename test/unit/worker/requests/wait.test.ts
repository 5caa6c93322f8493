import assert from 'node:assert/strict';
import test from 'node:test';
import { requestStart } from '../../../../build/worker/requests/wait.js';

const NOW = 1_700_000_000_123;

test('X-Request-Start is read in seconds, milliseconds and microseconds, with and without t=', () => {
  const at = NOW - 250;
  const written = [String(at / 1_000), String(at), String(at * 1_000), String(at * 1e6)];
  for (const digits of written) {
    for (const header of [digits, `t=${digits}`, ` t=${digits} `]) {
      const start = requestStart(header, NOW);
      assert.ok(start !== undefined && Math.abs(start - at) < 1, `${header}: ${start}`);
    }
  }
});

test('what is no time of these days is no time', () => {
  const far = String(NOW - 7_200_000);
  for (const header of ['', 't=', 'now', '123', '-1700000000', `${NOW}x`, '1e12', far, `${NOW},1`, '9'.repeat(19)]) {
    assert.equal(requestStart(header, NOW), undefined, header);
  }
});
