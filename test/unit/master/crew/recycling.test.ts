import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Member, Roster } from '../../../../build/master/crew/roster.js';

const NOW = 10_000;

class Worker implements Member {
  ready = true;
  readonly readySince = 0;
  due = false;
  unwanted = false;
  leavingFor: 'recycle' | 'scale' | undefined;
  readonly id: number;
  readonly age: number;
  readonly term = 0;
  constructor(id: number, age: number = id) {
    this.id = id;
    this.age = age;
  }
  get provenAt(): number | undefined {
    return this.ready ? 0 : undefined;
  }
  get leaving(): boolean {
    return this.leavingFor !== undefined;
  }
  is(marks: Partial<Pick<Worker, 'ready' | 'due' | 'unwanted' | 'leavingFor'>>): this {
    return Object.assign(this, marks);
  }
}

function rosterOf(...workers: readonly Worker[]): Roster<Worker> {
  const roster = new Roster<Worker>();
  for (const worker of workers) roster.add(worker);
  return roster;
}

const NOTHING = { spawn: [], wakeAt: undefined };

test('the oldest that is due gets a substitute in its slot, and no other', () => {
  const roster = rosterOf(new Worker(1, 5).is({ due: true }), new Worker(2, 4).is({ due: true }), new Worker(3, 3));
  assert.deepEqual(roster.planRecycling(3, NOW), { spawn: [2], wakeAt: undefined });
  // For the ordinary plan, no worker is missing.
  assert.deepEqual(roster.plan(3, NOW), { ...NOTHING, retire: [], relieve: [] });
});

test('nobody is due, nothing happens', () => {
  assert.deepEqual(rosterOf(new Worker(1)).planRecycling(1, NOW), NOTHING);
  assert.deepEqual(rosterOf().planRecycling(0, NOW), NOTHING);
});

const CHANGES: Readonly<Record<string, readonly [target: number, ...further: Worker[]]>> = {
  'one is missing': [3, new Worker(2)],
  'one is too many': [1, new Worker(2)],
  'one boots': [2, new Worker(2).is({ ready: false })],
  'one drains because there were too many': [2, new Worker(2), new Worker(3).is({ leavingFor: 'scale' })],
  'one that was relieved drains': [2, new Worker(2, 9), new Worker(2).is({ leavingFor: 'recycle' })],
  'one drains in place of one that is missing': [2, new Worker(2).is({ leavingFor: 'recycle' })],
  'a substitute boots': [2, new Worker(2), new Worker(2, 9).is({ ready: false })],
  'a substitute is ready': [2, new Worker(2), new Worker(2, 9)],
  'a substitute is in the place of one that is missing': [3, new Worker(2), new Worker(2, 9)],
};
for (const [what, [target, ...further]] of Object.entries(CHANGES)) {
  test(`no recycle begins while ${what}`, () => {
    const roster = rosterOf(new Worker(1).is({ due: true }), ...further);
    assert.deepEqual(roster.planRecycling(target, NOW), NOTHING);
  });
}

test('beside slots that fail again and again, whether they boot or wait, only who is unwanted gets a substitute', () => {
  const wanted = { due: true, unwanted: true };
  for (const second of [[], [new Worker(2, 9).is({ ready: false })]]) {
    for (const failures of [0, 1, 2]) {
      const rosters = [wanted, { due: true }].map((marks) => rosterOf(new Worker(1).is(marks), ...second));
      const [unwanted, due] = rosters.map((roster) => {
        for (let count = 0; count < failures; count++) roster.fail({ id: 2, term: 0 }, 'boot', 0, NOW, 1);
        return roster.planRecycling(2, NOW);
      });
      assert.deepEqual(unwanted, failures < 2 ? NOTHING : { spawn: [1], wakeAt: undefined });
      assert.deepEqual(due, NOTHING);
    }
  }
});

test('one that is unwanted waits for its turn, and while others are replaced', () => {
  const failing = (...workers: readonly Worker[]): Roster<Worker> => {
    const roster = rosterOf(new Worker(1).is({ due: true, unwanted: true }), ...workers);
    for (let count = 0; count < 2; count++) roster.fail({ id: 2, term: 0 }, 'boot', 0, NOW, 1);
    return roster;
  };
  const leaving = new Worker(3, 4).is({ leavingFor: 'recycle' });
  assert.deepEqual(failing(new Worker(3), new Worker(3, 4).is({ ready: false })).planRecycling(3, NOW), NOTHING);
  assert.deepEqual(failing(new Worker(3, 5), leaving).planRecycling(3, NOW), NOTHING);
  assert.deepEqual(failing().planRecycling(3, NOW), NOTHING);
  assert.deepEqual(failing(new Worker(3), new Worker(4)).planRecycling(2, NOW), NOTHING);
  assert.deepEqual(failing(new Worker(3)).planRecycling(3, NOW), { spawn: [1], wakeAt: undefined });
});

test('a substitute that boots changes nothing; one that is ready relieves its worker', () => {
  const [old, other] = [new Worker(1, 1).is({ due: true }), new Worker(2, 2)];
  const substitute = new Worker(1, 3).is({ ready: false });
  const roster = rosterOf(old, other, substitute);
  assert.deepEqual(roster.plan(2, NOW), { ...NOTHING, retire: [], relieve: [] });
  assert.equal(roster.partner(old), substitute);
  assert.equal(roster.partner(substitute), old);
  assert.equal(roster.partner(other), undefined);
  substitute.ready = true;
  assert.deepEqual(roster.plan(2, NOW), { ...NOTHING, retire: [], relieve: [{ worker: old, by: substitute }] });
  old.leavingFor = 'recycle';
  assert.deepEqual(roster.plan(2, NOW), { ...NOTHING, retire: [], relieve: [] });
  assert.equal(roster.partner(substitute), undefined);
});

test('the survivor has the slot, whichever of the two dies', () => {
  const [old, substitute] = [new Worker(1, 1).is({ due: true }), new Worker(1, 2).is({ ready: false })];
  const nothing = { ...NOTHING, retire: [], relieve: [] };
  const substituteLives = rosterOf(old, substitute);
  substituteLives.remove(old);
  assert.deepEqual(substituteLives.plan(1, NOW), nothing);
  const oldLives = rosterOf(old, substitute);
  oldLives.remove(substitute);
  assert.deepEqual(oldLives.plan(1, NOW), nothing);
  // The old worker is still due.
  assert.deepEqual(oldLives.planRecycling(1, NOW), { spawn: [1], wakeAt: undefined });
});

test('a slot whose substitutes fail waits, and its worker counts meanwhile', () => {
  const roster = rosterOf(new Worker(1).is({ due: true }), new Worker(2).is({ due: true }));
  assert.equal(roster.fail({ id: 1, term: 0 }, 'boot', 0, NOW, 0.5).delay, 0);
  assert.deepEqual(roster.planRecycling(2, NOW), { spawn: [1], wakeAt: undefined });
  assert.equal(roster.fail({ id: 1, term: 0 }, 'boot', 0, NOW, 0.5).delay, 125);
  // The younger worker does not overtake: if the substitute of one cannot boot, neither can that of the other.
  assert.deepEqual(roster.planRecycling(2, NOW + 124), { spawn: [], wakeAt: NOW + 125 });
  assert.deepEqual(roster.planRecycling(2, NOW + 125), { spawn: [1], wakeAt: undefined });
  assert.deepEqual(roster.plan(2, NOW), { ...NOTHING, retire: [], relieve: [] });
});

test('with a worker that is too many its substitute goes', () => {
  const [old, substitute] = [new Worker(1, 1).is({ due: true }), new Worker(1, 4).is({ ready: false })];
  const roster = rosterOf(old, new Worker(2, 2), new Worker(3, 3), substitute);
  assert.deepEqual(roster.plan(2, NOW).retire, [old, substitute]);
});

test('a worker that is being recycled stays when an older one is too many', () => {
  const [oldest, old] = [new Worker(1, 1), new Worker(2, 2).is({ due: true })];
  const roster = rosterOf(oldest, old, new Worker(3, 3), new Worker(2, 4).is({ ready: false }));
  assert.deepEqual(roster.plan(2, NOW).retire, [oldest]);
});

test('who has been relieved is not retired too, and its slot has the age of the substitute', () => {
  const [old, second, third, substitute] = [new Worker(1, 1), new Worker(2, 2), new Worker(3, 3), new Worker(1, 4)];
  assert.deepEqual(rosterOf(old, second, third, substitute).plan(2, NOW), {
    ...NOTHING,
    relieve: [{ worker: old, by: substitute }],
    retire: [second],
  });
});

/** A crew without processes. The test chooses what happens to its workers; what follows is the roster's plan. */
class Model {
  readonly roster = new Roster<Worker>();
  target: number;
  recycled = 0;
  #age = 0;

  constructor(target: number) {
    this.target = target;
    this.settle();
    this.finishAll();
  }

  booting(): Worker[] {
    return this.roster.staying().filter(({ ready }) => !ready);
  }

  servingSlots(): number {
    const serving = this.roster.staying().filter(({ ready }) => ready);
    return new Set(serving.map(({ id }) => id)).size;
  }

  finishAll(): void {
    for (const worker of this.booting()) worker.ready = true;
    this.settle();
    for (const worker of this.roster.all()) if (worker.leaving) this.roster.remove(worker);
    this.settle();
  }

  settle(): void {
    const before = this.servingSlots();
    const plan = this.roster.plan(this.target, NOW);
    for (const { worker } of plan.relieve) worker.leavingFor = 'recycle';
    this.recycled += plan.relieve.length;
    for (const worker of plan.retire) worker.leavingFor = 'scale';
    for (const id of plan.spawn) this.#spawn(id);
    const { spawn } = this.roster.planRecycling(this.target, NOW);
    if (spawn.length > 0) this.#checkBeginning(spawn);
    for (const id of spawn) this.#spawn(id);
    this.#checkCount();
    // Only a surplus of workers may take away workers that serve.
    if (plan.retire.length === 0) assert.equal(this.servingSlots(), before);
  }

  #spawn(id: number): void {
    this.roster.add(new Worker(id, ++this.#age).is({ ready: false }));
  }

  #checkBeginning(spawn: readonly number[]): void {
    const all = this.roster.all();
    assert.equal(all.length, this.target, 'nobody else comes or goes');
    assert.ok(
      all.every(({ ready, leaving }) => ready && !leaving),
      'all are ready',
    );
    assert.deepEqual(spawn, [all.find(({ due }) => due)?.id], 'the oldest that is due');
  }

  #checkCount(): void {
    const living = this.roster.all().filter(({ leavingFor }) => leavingFor !== 'scale');
    assert.ok(living.length <= this.target + 1, `${living.length} live for a target of ${this.target}`);
    const slots = this.roster.staying().map(({ id }) => id);
    assert.equal(new Set(slots).size, this.target);
    const relieved = this.roster.all().filter(({ leavingFor }) => leavingFor === 'recycle');
    assert.ok(relieved.length + slots.length - this.target <= 1, 'one at a time');
  }
}

const step = fc.record({
  what: fc.constantFrom('due', 'due', 'due', 'ready', 'ready', 'exit', 'exit', 'die', 'more', 'less'),
  whom: fc.nat(100),
});

test('whatever happens: one at a time, the oldest first, never more than one beyond the target', () => {
  let recycled = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(step, { minLength: 20, maxLength: 100, size: 'max' }),
      (target, steps) => {
        const model = new Model(target);
        for (const { what, whom } of steps) {
          const pick = (workers: readonly Worker[]): Worker | undefined => workers[whom % workers.length];
          const leaving = model.roster.all().filter((worker) => worker.leaving);
          if (what === 'due') pick(model.roster.all())?.is({ due: true });
          else if (what === 'ready') pick(model.booting())?.is({ ready: true });
          else if (what === 'more') model.target++;
          else if (what === 'less') model.target = Math.max(1, model.target - 1);
          else {
            const gone = pick(what === 'exit' ? leaving : model.roster.all());
            if (gone) model.roster.remove(gone);
          }
          model.settle();
        }
        recycled += model.recycled;
        // Left alone, the model comes to rest, and all workers that were due are replaced.
        for (let round = 0; round < 2 * model.roster.size + 2; round++) model.finishAll();
        const rest = model.roster.all();
        assert.equal(rest.length, model.target);
        assert.ok(
          rest.every(({ ready, due, leaving }) => ready && !due && !leaving),
          'at rest',
        );
      },
    ),
    { numRuns: 1_000 },
  );
  assert.ok(recycled > 1_000, `only ${recycled} were recycled`);
});
