import assert from 'node:assert/strict';
import test from 'node:test';
import { type Ended, Muster } from '../../../../build/worker/threads/muster.js';

const ended = (number: number, more: Partial<Ended> = {}): Ended => ({
  ...{ number, ready: false, readyAt: undefined, timedOut: false },
  ...more,
});

test('it is complete when each number has been ready once, whatever became of the first ones meanwhile', async () => {
  const muster = new Muster(2);
  const complete = muster.complete();
  muster.ready(1);
  muster.wait(ended(1, { ready: true, readyAt: performance.now() }));
  assert.deepEqual([muster.isFirst(1), muster.isFirst(2), muster.isComplete], [false, true, false]);
  muster.ready(1);
  assert.equal(muster.isComplete, false);
  muster.ready(2);
  await complete;
  assert.equal(muster.isComplete, true);
});

test('one that cannot boot fails those who wait for all, also where it comes later', async () => {
  const muster = new Muster(2);
  const complete = muster.complete();
  muster.fail(new Error('no library'));
  muster.ready(1);
  muster.ready(2);
  await assert.rejects(complete, /no library/);
});

test('the first failure of a number costs no wait, the next ones do; those of another are its own', () => {
  const muster = new Muster(2);
  const crash = ended(1, { ready: true, readyAt: performance.now() });
  assert.equal(muster.wait(crash), 0);
  for (let failures = 2; failures < 20; failures++) assert.ok(muster.wait(crash) >= 1);
  assert.equal(muster.wait(ended(2)), 0);
});

test('one that has served, and ran out of time, has taken that time: no wait, and no failure more', () => {
  const muster = new Muster(1);
  const hang = ended(1, { ready: true, readyAt: performance.now(), timedOut: true });
  for (let hangs = 0; hangs < 10; hangs++) assert.equal(muster.wait(hang), 0);
  // For a thread that was not ready yet, a hang is a failed boot.
  assert.equal(muster.wait(ended(1, { timedOut: true })), 0);
  assert.ok(muster.wait(ended(1, { timedOut: true })) >= 1);
});
