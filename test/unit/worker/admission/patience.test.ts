import assert from 'node:assert/strict';
import test from 'node:test';
import { Patience } from '../../../../build/worker/admission/patience.js';

const make = (): Patience => new Patience(() => undefined);

/** How many of this many silent newcomers, who come at that moment, are waited for. */
function waits(patience: Patience, now: number, count = 30): number {
  let waited = 0;
  for (let index = 0; index < count; index++) if (patience.begin(now) > 0) waited++;
  return waited;
}

test('silent newcomers are waited for once for long, and a few times shortly; and again as time goes by', () => {
  const patience = make();
  assert.equal(waits(patience, 1_000), 11);
  // A hundredth of the time since then: that is enough for nine short waits.
  assert.equal(waits(patience, 1_950), 9);
  // After five seconds, there is a long wait again.
  assert.equal(waits(patience, 6_001), 11);
  // As many as in the beginning, and no more.
  assert.equal(waits(patience, 1_000_000), 11);
});

test('patience does not end while it is worth it', () => {
  const patience = make();
  for (let count = 0; count < 1_000; count++) {
    assert.ok(patience.begin(0) > 0);
    patience.end(0);
  }
});

test('one that was in vain does not end it for those that come at once', () => {
  const patience = make();
  assert.ok(patience.begin(0) > 0);
  for (let count = 0; count < 1_000; count++) {
    assert.ok(patience.begin(0) > 0);
    patience.end(0);
  }
});

test('where requests come some time behind their connections, a silent one does not end it for long', () => {
  const patience = make();
  let came = 0;
  for (let now = 0; now < 20_000; now += 50) {
    // The first newcomer is silent, and the others come too late for a short wait.
    if (patience.begin(now) < 20 || now === 0) continue;
    patience.end(now + 20);
    came++;
  }
  assert.ok(came >= 299, `${came} of 400`);
});
