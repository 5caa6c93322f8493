import assert from 'node:assert/strict';
import test from 'node:test';
import { atHostExit, installSignals } from '../../../../build/master/loop/signals.js';

/** Node warns of a leak above ten listeners. */
const MANY = 12;

test('the Arbiters of a host have one listener of a signal in common, until the last one is gone', (t) => {
  const before = process.listenerCount('SIGTTIN');
  const heard: string[] = [];
  const remove = Array.from({ length: MANY }, (_, index) =>
    installSignals(['SIGTTIN', 'SIGTTOU'], (name) => heard.push(`${name} ${index}`)),
  );
  t.after(() => remove.forEach((each) => void each()));
  assert.equal(process.listenerCount('SIGTTIN'), before + 1);
  process.emit('SIGTTIN');
  assert.deepEqual(
    heard.splice(0),
    remove.map((_, index) => `SIGTTIN ${index}`),
  );
  const [first, second, ...others] = remove;
  first?.();
  // Removing a listener twice does no harm, even if others have come since.
  first?.();
  process.emit('SIGTTOU');
  assert.deepEqual([heard.length, heard[0]], [MANY - 1, 'SIGTTOU 1']);
  for (const each of others) each();
  second?.();
  assert.equal(process.listenerCount('SIGTTIN'), before);
});

test('an Arbiter has its signals also behind a host that has removed all listeners', () => {
  const heard: string[] = [];
  const first = installSignals(['SIGTTIN'], () => heard.push('first'));
  process.removeAllListeners('SIGTTIN');
  const second = installSignals(['SIGTTIN'], () => heard.push('second'));
  process.emit('SIGTTIN');
  assert.ok(heard.includes('second'));
  first();
  second();
  assert.equal(process.listenerCount('SIGTTIN'), 0);
});

test('and one of the exit, where the host has its signals for itself', () => {
  const before = process.listenerCount('exit');
  const remove = Array.from({ length: MANY }, () => atHostExit(() => undefined, true));
  assert.equal(process.listenerCount('exit'), before + 1);
  for (const each of remove) each();
  assert.equal(process.listenerCount('exit'), before);
});
