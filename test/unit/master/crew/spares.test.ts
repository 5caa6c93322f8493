import assert from 'node:assert/strict';
import test from 'node:test';
import { STABLE_AFTER } from '../../../../build/backoff.js';
import { type Spare, Spares } from '../../../../build/master/crew/spares.js';

const NOW = 10_000;

const waiting = (age: number, generation = 1): Spare => ({
  ...{ age, generation, booted: true, leaving: false, exited: false },
});
const booting = (age: number, generation = 1): Spare => ({ ...waiting(age, generation), booted: false });
const leaving = (age: number, generation = 1): Spare => ({ ...waiting(age, generation), leaving: true });
const exited = (age: number, generation = 1): Spare => ({ ...waiting(age, generation), exited: true });

function sparesOf(number: number, ...members: readonly Spare[]): Spares<Spare> {
  const spares = new Spares<Spare>(number);
  for (const member of members) spares.add(member);
  return spares;
}

test('where none are asked for, none are started and none is given', () => {
  const spares = sparesOf(0);
  assert.deepEqual(spares.plan(NOW), { due: false, wakeAt: undefined });
  assert.deepEqual([spares.take(1, NOW), spares.size, spares.waiting], [undefined, 0, 0]);
});

test('they are started one after the other', () => {
  const spares = sparesOf(3);
  assert.equal(spares.plan(NOW).due, true);
  const first = booting(1);
  spares.add(first);
  assert.equal(spares.plan(NOW).due, false);
  spares.remove(first);
  spares.add(waiting(1));
  assert.equal(spares.plan(NOW).due, true);
  spares.add(waiting(2));
  spares.add(waiting(3));
  assert.equal(spares.plan(NOW).due, false);
});

test('one that leaves is replaced at once', () => {
  assert.equal(sparesOf(1, leaving(1)).plan(NOW).due, true);
});

test('the one that has waited longest is given away, and is a spare no more', () => {
  const [older, younger] = [waiting(3), waiting(8)];
  const spares = sparesOf(2, younger, older);
  assert.equal(spares.waiting, 2);
  assert.deepEqual(
    [spares.take(1, NOW), spares.has(older), spares.take(1, NOW), spares.take(1, NOW)],
    [older, false, younger, undefined],
  );
  assert.equal(spares.size, 0);
});

test('when one has been given away, the next one is not started in that moment', () => {
  const spares = sparesOf(1, waiting(1));
  spares.take(1, NOW);
  const { due, wakeAt = 0 } = spares.plan(NOW);
  assert.deepEqual([due, wakeAt > NOW, spares.plan(wakeAt).due], [false, true, true]);
});

test('one that boots, leaves, has ended or is of another generation is given to nobody', () => {
  const spares = sparesOf(4, booting(1), leaving(2), exited(3), waiting(4, 2));
  assert.equal(spares.take(1, NOW), undefined);
  assert.equal(spares.waiting, 1);
  assert.equal(spares.take(2, NOW)?.age, 4);
});

test('those of another generation go, each once; all go where none is wanted', () => {
  const [old, gone, present] = [booting(1), leaving(2), waiting(3, 2)];
  const spares = sparesOf(1, old, gone, present);
  assert.deepEqual(spares.surplus(2), [old]);
  assert.deepEqual(spares.surplus(undefined), [old, present]);
});

test('the first that fails is replaced at once, and each further one after a longer wait, as of a slot', () => {
  const spares = sparesOf(1);
  assert.deepEqual(spares.fail('boot', 0, NOW, 0.5), { delay: 0, failures: 1 });
  assert.equal(spares.plan(NOW).due, true);
  assert.deepEqual(spares.fail('boot', 0, NOW, 0.5), { delay: 125, failures: 2 });
  assert.deepEqual(spares.plan(NOW), { due: false, wakeAt: NOW + 125 });
  assert.deepEqual(spares.plan(NOW + 125), { due: true, wakeAt: undefined });
  assert.deepEqual(spares.fail('boot', 0, NOW, 0.5), { delay: 250, failures: 3 });
});

test('one that has waited for long enough starts a new count', () => {
  const spares = sparesOf(1);
  for (let death = 0; death < 5; death++) spares.fail('crash', STABLE_AFTER - 1, NOW, 0.5);
  assert.equal(spares.plan(NOW).due, false);
  assert.deepEqual(spares.fail('crash', STABLE_AFTER, NOW, 0.5), { delay: 0, failures: 1 });
  assert.equal(spares.plan(NOW).due, true);
});
