import assert from 'node:assert/strict';
import test from 'node:test';
import { ArbiterError } from '../../../../build/errors.js';
import { type Progress, Rollout, type RolloutMember, type SlotHolders } from '../../../../build/master/crew/rollout.js';
import { generation } from '../../../helpers/rollout.js';

const NOW = 10_000;
const [OLD, NEW] = [generation(1), generation(2)];
const FAILURE = new ArbiterError('ERR_RELOAD_FAILED', 'it failed');

/**
 * The workers of a slot. One of the old generation serves or boots; one of the new generation boots, soaks, or is
 * proven.
 */
const old = (id: number): RolloutMember => ({ id, generation: 1, provenAt: 0 });
const oldBooting = (id: number): RolloutMember => ({ id, generation: 1, provenAt: undefined });
const booting = (id: number): RolloutMember => ({ id, generation: 2, provenAt: undefined });
const soaking = (id: number): RolloutMember => ({ id, generation: 2, provenAt: NOW + 1 });
const proven = (id: number): RolloutMember => ({ id, generation: 2, provenAt: NOW });

/** Slots 1 to n with these holders. */
const posts = (...slots: readonly (readonly RolloutMember[])[]): SlotHolders<RolloutMember>[] =>
  slots.map((holders, index) => ({ id: index + 1, holders, notBefore: undefined }));
const waiting = (post: SlotHolders<RolloutMember>, notBefore: number): SlotHolders<RolloutMember> => ({
  ...post,
  notBefore,
});

/** A rollout that began when each of these slots had an old worker. */
function begun(slots: number, surge: number): Rollout<RolloutMember> {
  const rollout = new Rollout<RolloutMember>(OLD, NEW, surge);
  rollout.plan(posts(...Array.from({ length: slots }, (_, index) => [old(index + 1)])), NOW);
  return rollout;
}

/** What is spawned, as `slot:generation`. */
function orders(rollout: Rollout<RolloutMember>, of: readonly SlotHolders<RolloutMember>[], now = NOW): string[] {
  return rollout.plan(of, now).orders.map(({ id, generation: { number } }) => `${id}:${number}`);
}

for (const { surge, spawned } of [
  { surge: 1, spawned: ['1:2'] },
  { surge: 2, spawned: ['1:2', '2:2'] },
  { surge: 9, spawned: ['1:2', '2:2', '3:2'] },
]) {
  test(`a surge of ${surge}: the first batch is of the lowest slots`, () => {
    assert.deepEqual(orders(new Rollout<RolloutMember>(OLD, NEW, surge), posts([old(1)], [old(2)], [old(3)])), spawned);
  });
}

test('no batch begins before all of the last one are proven', () => {
  const rollout = begun(4, 2);
  const rest = [[old(3)], [old(4)]];
  const batch = (first: RolloutMember, second: RolloutMember): string[] =>
    orders(rollout, posts([old(1), first], [old(2), second], ...rest));
  assert.deepEqual(batch(booting(1), booting(2)), []);
  assert.deepEqual(batch(soaking(1), booting(2)), []);
  assert.deepEqual(batch(proven(1), soaking(2)), []);
  // The old workers of these two slots are on their way out by now.
  assert.deepEqual(orders(rollout, posts([proven(1)], [proven(2)], ...rest)), ['3:2', '4:2']);
  assert.equal(rollout.won, 2);
});

test('a batch that is more than is started at once is started in parts', () => {
  const rollout = new Rollout<RolloutMember>(OLD, NEW, 3);
  const plan = (...of: readonly (readonly RolloutMember[])[]): unknown => {
    const { orders: spawned, wakeAt } = rollout.plan(posts(...of), NOW, 2);
    return [spawned.map(({ id }) => id), wakeAt];
  };
  const rest = [[old(3)], [old(4)]];
  assert.deepEqual(plan([old(1)], [old(2)], ...rest), [[1, 2], NOW]);
  assert.deepEqual(plan([old(1), booting(1)], [old(2), booting(2)], ...rest), [[3], undefined]);
  // One new worker was lost, which is excused. Nothing of a batch is started twice while the others are being tried.
  const others = [[old(3), booting(3)], [old(4)]];
  assert.deepEqual(plan([old(1)], [old(2), booting(2)], ...others), [[], undefined]);
  assert.deepEqual(plan([old(1), booting(1)], [old(2), booting(2)], ...others), [[], undefined]);
});

test('a failure before all of a batch has been started: the rest is not', () => {
  const rollout = new Rollout<RolloutMember>(OLD, NEW, 3);
  const slots = posts([old(1)], [old(2)], [old(3)]);
  assert.equal(rollout.plan(slots, NOW, 2).orders.length, 2);
  rollout.fail(FAILURE);
  assert.deepEqual(rollout.plan(slots, NOW, 2), { orders: [], wakeAt: undefined });
});

test('what stays beside others for another reason takes room', () => {
  // Here it is a worker that is being recycled.
  const recycled = posts([old(1), oldBooting(1)], [old(2)], [old(3)]);
  assert.deepEqual(orders(begun(3, 1), recycled), []);
  assert.deepEqual(orders(begun(3, 2), recycled), ['1:2']);
});

test('slots that had none when it began get a new one at once, all of them, whatever they waited for', () => {
  const rollout = new Rollout<RolloutMember>(OLD, NEW, 1);
  const [first, second, third] = posts([], [old(2)], []) as [
    SlotHolders<RolloutMember>,
    SlotHolders<RolloutMember>,
    SlotHolders<RolloutMember>,
  ];
  assert.deepEqual(orders(rollout, [waiting(first, NOW + 1), second, third]), ['1:2', '3:2', '2:2']);
});

test('an old one that dies is replaced by the old generation, also beside one that is tried', () => {
  for (const tried of [booting(1), soaking(1)]) {
    assert.deepEqual(orders(begun(2, 1), posts([tried], [old(2)])), ['1:1']);
    assert.deepEqual(orders(begun(2, 1), posts([oldBooting(1), tried], [old(2)])), []);
  }
  assert.deepEqual(orders(begun(2, 1), posts([old(1), booting(1)], [])), ['2:1']);
});

test('an old one that dies again waits; the next batch takes its slot meanwhile', () => {
  const [first, second] = posts([], [old(2)]) as [SlotHolders<RolloutMember>, SlotHolders<RolloutMember>];
  const rollout = begun(2, 1);
  const { orders: spawned, wakeAt } = rollout.plan([waiting(first, NOW + 50), second], NOW);
  assert.deepEqual([spawned, wakeAt], [[{ id: 1, generation: NEW }], NOW + 50]);
  const beside = waiting(posts([booting(1)])[0] as SlotHolders<RolloutMember>, NOW + 50);
  assert.deepEqual(rollout.plan([beside, second], NOW), { orders: [], wakeAt: NOW + 50 });
  assert.deepEqual(orders(rollout, [beside, second], NOW + 50), ['1:1']);
});

test('a proven one that dies is replaced by the new generation, after the wait of its slot, and tried again', () => {
  const rollout = begun(2, 1);
  rollout.plan(posts([proven(1)], [old(2)]), NOW);
  const [empty] = posts([]) as [SlotHolders<RolloutMember>];
  assert.deepEqual(orders(rollout, posts([], [old(2), booting(2)])), ['1:2']);
  assert.deepEqual(orders(rollout, [waiting(empty, NOW + 1), ...posts([], [proven(2)]).slice(1)]), []);
  assert.equal(rollout.tries(soaking(1), NOW), true);
});

test('a slot that comes later has an old one first', () => {
  assert.deepEqual(orders(begun(1, 1), posts([old(1), booting(1)], [])), ['2:1']);
});

test('who is tried: the new ones that are not proven', () => {
  const rollout = begun(1, 1);
  for (const worker of [booting(1), soaking(1)]) assert.equal(rollout.tries(worker, NOW), true);
  for (const worker of [proven(1), old(1), oldBooting(1)]) assert.equal(rollout.tries(worker, NOW), false);
});

test('it is over when all slots are won and no old one lives any more', () => {
  const rollout = begun(2, 2);
  const is = (
    expected: Progress,
    of: readonly SlotHolders<RolloutMember>[],
    ...leaving: readonly RolloutMember[]
  ): void => {
    rollout.plan(of, NOW);
    assert.equal(rollout.progress(of, [...of.flatMap(({ holders }) => holders), ...leaving], NOW), expected);
  };
  is('on', posts([old(1)], [old(2)]));
  is('on', posts([old(1), booting(1)], [old(2), booting(2)]));
  is('on', posts([proven(1)], [soaking(2)]));
  is('on', posts([proven(1)], [old(2), proven(2)]));
  is('on', posts([proven(1)], [proven(2)]), old(1));
  is('over', posts([proven(1)], [proven(2)]));
  // A worker that has died meanwhile comes back as any other does.
  is('over', posts([proven(1)], []));
});

test('the first failure turns it round: slots that were won are taken back, a batch at a time', () => {
  const rollout = begun(4, 2);
  rollout.plan(posts([proven(1)], [proven(2)], [proven(3)], [old(4)]), NOW);
  rollout.fail(FAILURE);
  rollout.fail(new ArbiterError('ERR_RELOAD_FAILED', 'a second one'));
  assert.deepEqual([rollout.failure, rollout.wanted], [FAILURE, OLD]);
  const rest = [[proven(3)], [old(4)]];
  assert.deepEqual(orders(rollout, posts([proven(1)], [proven(2)], ...rest)), ['1:1', '2:1']);
  assert.deepEqual(orders(rollout, posts([proven(1), old(1)], [proven(2), oldBooting(2)], ...rest)), []);
  assert.deepEqual(orders(rollout, posts([old(1)], [old(2)], ...rest)), ['3:1']);
});

test('it is back when the old generation has all slots, and no new one lives any more', () => {
  const rollout = begun(2, 1);
  rollout.fail(FAILURE);
  const is = (
    expected: Progress,
    of: readonly SlotHolders<RolloutMember>[],
    ...leaving: readonly RolloutMember[]
  ): void => assert.equal(rollout.progress(of, [...of.flatMap(({ holders }) => holders), ...leaving], NOW), expected);
  is('on', posts([old(1)], [old(2)]), booting(1));
  is('on', posts([old(1)], [old(2), proven(2)]));
  is('on', posts([old(1)], [oldBooting(2)]));
  is('back', posts([old(1)], [old(2)]));
  // The end of the rollout does not wait for a slot that waits for its next attempt.
  is('back', posts([old(1)], []));
});

test('all that are missing when it is turned round are of the old generation, after the wait of their slots', () => {
  const rollout = new Rollout<RolloutMember>(OLD, NEW, 1);
  rollout.plan(posts([], []), NOW);
  rollout.fail(FAILURE);
  const [first, second] = posts([], []) as [SlotHolders<RolloutMember>, SlotHolders<RolloutMember>];
  assert.deepEqual(rollout.plan([first, waiting(second, NOW + 5)], NOW), {
    orders: [{ id: 1, generation: OLD }],
    wakeAt: NOW + 5,
  });
});

test('the old generation tries once to get a slot back', () => {
  const rollout = begun(2, 1);
  rollout.plan(posts([proven(1)], [old(2)]), NOW);
  // Before the rollout is turned round, no slot is given up.
  rollout.giveUp(old(1));
  rollout.fail(FAILURE);
  assert.deepEqual(orders(rollout, posts([proven(1)], [old(2)])), ['1:1']);
  // The worker that died was the new one, so the old one is still to come.
  rollout.giveUp(proven(1));
  assert.equal(rollout.progress(posts([oldBooting(1)], [old(2)]), [oldBooting(1), old(2)], NOW), 'on');
  rollout.giveUp(oldBooting(1));
  assert.deepEqual(orders(rollout, posts([proven(1)], [old(2)])), []);
  assert.equal(rollout.progress(posts([proven(1)], [old(2)]), [proven(1), old(2)], NOW), 'back');
});

test('losses of workers that had served before they were ready are excused four times in a slot, and its next attempt waits', () => {
  const rollout = begun(2, 2);
  const [lost, other] = posts([old(1)], [old(2), booting(2)]) as [
    SlotHolders<RolloutMember>,
    SlotHolders<RolloutMember>,
  ];
  assert.deepEqual([rollout.excuse(booting(1)), rollout.excuse(booting(2))], [true, true]);
  assert.deepEqual(rollout.plan([waiting(lost, NOW + 5), { ...other, holders: [old(2), proven(2)] }], NOW), {
    orders: [],
    wakeAt: NOW + 5,
  });
  assert.deepEqual(orders(rollout, [waiting(lost, NOW), { ...other, holders: [proven(2)] }]), ['1:2']);
  assert.deepEqual(
    Array.from({ length: 4 }, () => rollout.excuse(booting(1))),
    [true, true, true, false],
  );
  assert.equal(rollout.excuse(booting(2)), true);
});

test('an empty slot waits too when it has lost a worker that had served', () => {
  const rollout = new Rollout<RolloutMember>(OLD, NEW, 1);
  const [first] = posts([]) as [SlotHolders<RolloutMember>];
  assert.deepEqual(orders(rollout, [waiting(first, NOW + 1)]), ['1:2']);
  rollout.excuse(booting(1));
  assert.deepEqual(rollout.plan([waiting(first, NOW + 1)], NOW), { orders: [], wakeAt: NOW + 1 });
});
