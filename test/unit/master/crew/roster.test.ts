import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { STABLE_AFTER } from '../../../../build/backoff.js';
import { type Member, Roster } from '../../../../build/master/crew/roster.js';

const NOW = 10_000;

function rosterOf(...members: readonly Member[]): Roster<Member> {
  const roster = new Roster<Member>();
  for (const member of members) roster.add(member);
  return roster;
}
const staying = (id: number, age: number = id): Member => ({
  ...{ id, age, term: 0, leaving: false, ready: true, readySince: 0, provenAt: 0, due: false, unwanted: false },
});
const leaving = (id: number, age: number = id): Member => ({ ...staying(id, age), leaving: true });
const booting = (id: number, age: number = id): Member => ({
  ...{ ...staying(id, age), ready: false, readySince: undefined, provenAt: undefined },
});

test('members are listed oldest first, in whatever order they came', () => {
  const [a, b, c] = [staying(2, 1), leaving(1, 2), staying(3, 7)];
  const roster = rosterOf(c, a, b);
  assert.deepEqual(roster.all(), [a, b, c]);
  assert.deepEqual(roster.staying(), [a, c]);
  assert.equal(roster.size, 3);
});

test('a member is known by identity, not by a number that was used again', () => {
  const [first, second] = [staying(1, 1), staying(1, 2)];
  const roster = rosterOf(first);
  roster.remove(first);
  roster.add(second);
  assert.equal(roster.has(first), false);
  assert.equal(roster.has({ ...second }), false);
  assert.equal(roster.has(second), true);
});

test('an empty roster wants slots 1 to n', () => {
  assert.deepEqual(rosterOf().plan(3, NOW), { spawn: [1, 2, 3], retire: [], relieve: [], wakeAt: undefined });
});

test('more than are started at once: the lowest now, and it is to be asked again at once', () => {
  const { spawn, wakeAt } = rosterOf().plan(3, NOW, 2);
  assert.deepEqual([spawn, wakeAt], [[1, 2], NOW]);
  assert.deepEqual(rosterOf(staying(1), staying(2)).plan(3, NOW, 2).spawn, [3]);
  assert.equal(rosterOf(staying(1), staying(2)).plan(3, NOW, 2).wakeAt, undefined);
});

test('the lowest free slots are filled, and one that is draining is free', () => {
  const roster = rosterOf(staying(2, 5), leaving(1, 1), staying(4, 3));
  assert.deepEqual(roster.plan(4, NOW).spawn, [1, 3]);
});

test('the surplus goes oldest first, and who leaves already is not counted', () => {
  const [old, older, young] = [staying(1, 5), staying(2, 4), staying(3, 9)];
  const roster = rosterOf(old, older, young, leaving(4, 1));
  assert.deepEqual(roster.plan(1, NOW), { spawn: [], retire: [older, old], relieve: [], wakeAt: undefined });
});

test('who serves nobody goes before the oldest that serves: who fails, then who boots, youngest first', () => {
  const [old, young] = [staying(1, 1), staying(2, 2)];
  const [broken, early, late] = [booting(3, 3), booting(4, 8), booting(5, 9)];
  const roster = rosterOf(old, young, broken, early, late);
  assert.deepEqual(roster.plan(4, NOW).retire, [late]);
  roster.fail({ id: 3, term: 0 }, 'boot', 0, NOW, 0.5);
  assert.deepEqual(roster.plan(4, NOW).retire, [broken]);
  assert.deepEqual(roster.plan(1, NOW).retire, [broken, late, early, old]);
});

test('a slot whose substitute boots serves, and goes with it by the age of its worker', () => {
  const [old, young, substitute, late] = [staying(1, 1), staying(2, 2), booting(1, 3), booting(3, 4)];
  const roster = rosterOf(old, young, substitute, late);
  assert.deepEqual(roster.plan(2, NOW).retire, [late]);
  assert.deepEqual(roster.plan(1, NOW).retire, [late, old, substitute]);
});

test('a slot that failed waits, the others do not, and no other slot takes its place', () => {
  const roster = rosterOf();
  assert.deepEqual(roster.fail({ id: 1, term: 0 }, 'boot', 0, NOW, 0.5), { delay: 0, failures: 1 });
  assert.deepEqual(roster.plan(2, NOW).spawn, [1, 2]);
  assert.deepEqual(roster.fail({ id: 1, term: 0 }, 'boot', 0, NOW, 0.5), { delay: 125, failures: 2 });
  assert.deepEqual(roster.plan(2, NOW), { spawn: [2], retire: [], relieve: [], wakeAt: NOW + 125 });
  assert.deepEqual(roster.plan(2, NOW + 124), { spawn: [2], retire: [], relieve: [], wakeAt: NOW + 125 });
  assert.deepEqual(roster.plan(2, NOW + 125), { spawn: [1, 2], retire: [], relieve: [], wakeAt: undefined });
});

test('the next wake-up is that of the first slot whose wait ends, of those that are wanted', () => {
  const roster = rosterOf();
  for (const [id, chance] of [
    [1, 0.8],
    [2, 0.4],
    [3, 0.1],
  ] as const) {
    for (let n = 0; n < 2; n++) roster.fail({ id, term: 0 }, 'boot', 0, NOW, chance);
  }
  assert.equal(roster.plan(2, NOW).wakeAt, NOW + 100);
  assert.equal(roster.plan(3, NOW).wakeAt, NOW + 25);
});

const readyAt = (id: number, readySince: number | undefined, age: number = id): Member => ({
  ...staying(id, age),
  ...{ readySince, ready: readySince !== undefined },
});

test('a slot fails from the death of its worker until another one is stable', () => {
  const roster = rosterOf(staying(2));
  assert.deepEqual(roster.failing(2, NOW), []);
  roster.fail({ id: 1, term: 0 }, 'crash', 0, NOW, 0.5);
  assert.deepEqual(roster.failing(2, NOW), [{ id: 1, failures: 1, wait: 0 }]);
  roster.fail({ id: 1, term: 0 }, 'crash', 0, NOW, 0.5);
  assert.deepEqual(roster.failing(2, NOW + 25), [{ id: 1, failures: 2, wait: 100 }]);
  assert.deepEqual(roster.failing(2, NOW + 125), [{ id: 1, failures: 2, wait: 0 }]);
  assert.equal(roster.settle(NOW + 125), undefined);

  const booting = readyAt(1, undefined, 3);
  roster.add(booting);
  assert.equal(roster.settle(NOW + 60_000), undefined);
  roster.remove(booting);
  roster.add(readyAt(1, NOW + 200, 3));
  const stableAt = NOW + 200 + STABLE_AFTER;
  assert.equal(roster.settle(stableAt - 1), stableAt);
  assert.equal(roster.failing(2, stableAt - 1).length, 1);
  assert.equal(roster.settle(stableAt), undefined);
  assert.deepEqual(roster.failing(2, stableAt), []);
  // A failure that was forgotten is not counted again.
  assert.deepEqual(roster.fail({ id: 1, term: 0 }, 'crash', STABLE_AFTER, stableAt, 0.5), { delay: 0, failures: 1 });
});

test('a slot whose substitutes fail is not settled by the worker that they are for', () => {
  const roster = rosterOf({ ...readyAt(1, NOW - 60_000), due: true });
  for (let n = 0; n < 3; n++) roster.fail({ id: 1, term: 0 }, 'boot', 0, NOW, 0.5);
  assert.equal(roster.settle(NOW + 60_000), undefined);
  assert.deepEqual(roster.failing(1, NOW), [{ id: 1, failures: 3, wait: 250 }]);
  roster.add(readyAt(1, NOW + 1_000, 2));
  assert.equal(roster.settle(NOW + 1_000 + STABLE_AFTER), undefined);
  assert.deepEqual(roster.failing(1, NOW + 60_000), []);
});

test('a slot whose substitutes have failed, and that gets no more of them, has its worker: soon that is all there is to say', () => {
  const roster = rosterOf(readyAt(1, NOW - 60_000));
  for (let n = 0; n < 2; n++) roster.fail({ id: 1, term: 0 }, 'boot', 0, NOW, 0.5);
  assert.equal(roster.settle(NOW), NOW + STABLE_AFTER);
  assert.equal(roster.deaths(1), 2);
  assert.equal(roster.settle(NOW + STABLE_AFTER), undefined);
  assert.deepEqual(roster.failing(1, NOW + STABLE_AFTER), []);
});

test('a worker that leaves settles nothing', () => {
  const roster = rosterOf({ ...readyAt(1, NOW + 10), leaving: true });
  roster.fail({ id: 1, term: 0 }, 'crash', 0, NOW, 0.5);
  assert.equal(roster.settle(NOW + 60_000), undefined);
  assert.equal(roster.failing(1, NOW + 60_000).length, 1);
});

test('a slot that is not wanted does not fail', () => {
  const roster = rosterOf(staying(1), staying(3));
  for (const id of [2, 4, 5]) roster.fail({ id, term: 0 }, 'spawn', 0, NOW, 0.5);
  const failing = (target: number): number[] => roster.failing(target, NOW).map(({ id }) => id);
  assert.deepEqual([failing(2), failing(3), failing(4), failing(5)], [[], [2], [2, 4], [2, 4, 5]]);
});

// The failure history of one slot: how many deaths in a row, and the chance of the last wait.
const history = fc.record({
  deaths: fc.nat(8),
  chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

test('any plan: nobody who serves goes while that would leave fewer of them than are asked for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 12 }),
      fc.array(fc.nat(11)),
      fc.nat(12),
      (ready, failed, target) => {
        const members = ready.map((is, index) => (is ? staying(index + 1) : booting(index + 1)));
        const roster = rosterOf(...members);
        for (const index of failed) roster.fail({ id: index + 1, term: 0 }, 'boot', 0, NOW, 0.5);
        const { retire } = roster.plan(target, NOW);
        assert.equal(members.length - retire.length, Math.min(members.length, target));
        const left = members.filter((member) => member.ready && !retire.includes(member));
        assert.equal(left.length, Math.min(target, members.filter((member) => member.ready).length));
      },
    ),
  );
});

test('any plan: what stays and what is spawned or waits makes up the target', () => {
  fc.assert(
    fc.property(
      // Several members may share a slot (a new one beside one that drains), but each member that stays has a slot of
      // its own.
      fc.uniqueArray(fc.integer({ min: 1, max: 12 })),
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 6 }),
      fc.array(history, { maxLength: 12 }),
      fc.nat(12),
      fc.nat(20_000),
      fc.infiniteStream(fc.nat()),
      (stayingIds, leavingIds, histories, target, later, random) => {
        const members = [...stayingIds.map((id) => staying(id)), ...leavingIds.map((id) => leaving(id))];
        const shuffled = members.map((member) => ({ member, key: random.next().value as number }));
        shuffled.sort((a, b) => a.key - b.key);
        const roster = rosterOf(...shuffled.map(({ member }, index) => ({ ...member, age: index })));
        const notBefore = new Map<number, number>();
        for (const [index, { deaths, chance }] of histories.entries()) {
          for (let n = 0; n < deaths; n++) {
            notBefore.set(index + 1, NOW + roster.fail({ id: index + 1, term: 0 }, 'crash', 0, NOW, chance).delay);
          }
        }

        const now = NOW + later;
        const plan = roster.plan(target, now);

        const stay = roster.staying();
        const free = Array.from({ length: 40 }, (_, index) => index + 1).filter((id) => !stayingIds.includes(id));
        const wanted = free.slice(0, Math.max(0, target - stay.length));
        const waiting = wanted.filter((id) => (notBefore.get(id) ?? 0) > now);
        assert.equal(stay.length - plan.retire.length + plan.spawn.length + waiting.length, target);
        assert.deepEqual(
          plan.spawn,
          wanted.filter((id) => !waiting.includes(id)),
        );
        assert.deepEqual(plan.retire, stay.slice(0, Math.max(0, stay.length - target)));
        const wakes = waiting.map((id) => notBefore.get(id) as number);
        assert.equal(plan.wakeAt, wakes.length > 0 ? Math.min(...wakes) : undefined);
        // Planning changes nothing: asked again, the roster says the same.
        assert.deepEqual(roster.plan(target, now), plan);
      },
    ),
  );
});

test('in a slot, one of a later term takes over from one of an earlier, whatever their ages', () => {
  const tried: Member = { ...staying(1, 2), term: 2, provenAt: NOW + 5 };
  // Spawned after `tried`, in place of a dead worker of the earlier term.
  const standIn: Member = { ...staying(1, 3), term: 1 };
  const roster = rosterOf(tried, standIn);
  assert.deepEqual(roster.plan(1, NOW), { spawn: [], retire: [], relieve: [], wakeAt: NOW + 5 });
  assert.deepEqual(roster.plan(1, NOW + 5).relieve, [{ worker: standIn, by: tried }]);
  assert.deepEqual(roster.posts(1), [{ id: 1, holders: [standIn, tried], notBefore: undefined }]);
});

test('one that took over from what failed settles its slot, though it was ready before', () => {
  const roster = rosterOf({ ...readyAt(1, NOW - 100), term: 2 });
  for (let n = 0; n < 2; n++) roster.fail({ id: 1, term: 1 }, 'boot', 0, NOW, 0.5);
  assert.equal(roster.settle(NOW), NOW - 100 + STABLE_AFTER);
  roster.settle(NOW - 100 + STABLE_AFTER);
  assert.deepEqual(roster.failing(1, NOW), []);
});

test('how often the workers of a slot have died in a row, until one of them is stable', () => {
  const roster = rosterOf({ ...staying(1), readySince: NOW });
  assert.equal(roster.deaths(1), 0);
  roster.fail({ id: 1, term: 0 }, 'crash', 0, NOW, 0.5);
  roster.fail({ id: 1, term: 0 }, 'crash', 0, NOW, 0.5);
  assert.deepEqual([roster.deaths(1), roster.deaths(2)], [2, 0]);
  roster.settle(NOW + STABLE_AFTER);
  assert.equal(roster.deaths(1), 0);
});
