import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ArbiterError } from '../../../../build/errors.js';
import { Rollout } from '../../../../build/master/crew/rollout.js';
import { type Member, Roster } from '../../../../build/master/crew/roster.js';
import type { Generation } from '../../../../build/master/workers/generation.js';
import { generation } from '../../../helpers/rollout.js';

const SOAK = 1_000;
const OLD = generation(1);

class Worker implements Member {
  readySince: number | undefined;
  due = false;
  readonly unwanted = false;
  leavingFor: 'reload' | 'recycle' | 'scale' | undefined;
  readonly id: number;
  readonly age: number;
  readonly term: number;
  readonly generation: number;
  constructor(id: number, age: number, term: number, of: Generation) {
    [this.id, this.age, this.term, this.generation] = [id, age, term, of.number];
  }
  get ready(): boolean {
    return this.readySince !== undefined;
  }
  get leaving(): boolean {
    return this.leavingFor !== undefined;
  }
  get provenAt(): number | undefined {
    return this.readySince === undefined ? undefined : this.readySince + (this.generation === 1 ? 0 : SOAK);
  }
}

/**
 * A crew without processes. The test chooses what happens to its workers; what follows are the plans of the roster and
 * of a rollout.
 */
class Model {
  readonly roster = new Roster<Worker>();
  readonly surge: number;
  readonly most: number;
  rollout: Rollout<Worker> | undefined;
  end: 'over' | 'back' | undefined;
  target: number;
  now = 10_000;
  /** Slots that the old generation tried to get back in vain. */
  readonly lost = new Set<number>();
  #age = 0;
  #generation = OLD;
  #term = 1;

  /** @param most - how many workers are spawned before the loop turns again. */
  constructor(target: number, surge: number, most: number) {
    [this.target, this.surge, this.most] = [target, surge, most];
    this.settle();
    this.finishAll(() => true);
  }

  begin(): void {
    this.#term++;
    this.rollout = new Rollout(OLD, generation(2), this.surge);
    this.settle();
  }

  booting(): Worker[] {
    return this.roster.staying().filter(({ ready }) => !ready);
  }

  /** Slots with a worker that serves. */
  serving(): Set<number> {
    const serving = this.roster.staying().filter(({ ready }) => ready);
    return new Set(serving.map(({ id }) => id));
  }

  /**
   * Lets time pass. A worker that boots becomes ready, or dies if its code is broken. Then the ready workers are
   * proven, and those that leave are gone.
   */
  finishAll(boots: (worker: Worker) => boolean): void {
    for (const worker of this.booting()) {
      if (worker.leaving) continue;
      if (boots(worker)) this.ready(worker);
      else this.die(worker);
    }
    this.now += 60_000;
    this.settle();
    for (const worker of this.roster.all()) if (worker.leaving) this.roster.remove(worker);
    this.settle();
  }

  ready(worker: Worker): void {
    worker.readySince = this.now;
    this.settle();
  }

  /** What a crew does when a worker has ended. */
  die(worker: Worker): void {
    this.roster.remove(worker);
    if (!worker.leaving) {
      if (this.rollout?.tries(worker, this.now)) this.#turnRound(this.rollout);
      else {
        const partner = this.roster.partner(worker, (other) => !this.rollout?.tries(other, this.now));
        if (partner) this.rollout?.giveUp(worker);
        if (partner && this.rollout?.failure) this.lost.add(worker.id);
        this.roster.fail(worker, worker.ready ? 'crash' : 'boot', 0, this.now, 0.5);
      }
    }
    this.settle();
  }

  /** What a crew does after each turn of the loop. */
  settle(): void {
    const before = this.serving();
    while (this.#act(before));
    this.#check(before);
    const progress = this.rollout?.progress(this.roster.posts(this.target), this.roster.all(), this.now) ?? 'on';
    if (progress === 'on') {
      if (!this.rollout)
        for (const id of this.roster.planRecycling(this.target, this.now).spawn) this.#spawn(id, this.#generation);
      return;
    }
    this.end = progress;
    this.#generation = this.rollout?.wanted ?? this.#generation;
    this.rollout = undefined;
  }

  /** Acts on the plans. Returns whether there is more to do at once. */
  #act(before: Set<number>): boolean {
    const { relieve, retire, spawn, wakeAt } = this.roster.plan(this.target, this.now, this.most);
    for (const { worker, by } of relieve)
      worker.leavingFor = worker.generation === by.generation ? 'recycle' : 'reload';
    for (const worker of retire) worker.leavingFor = 'scale';
    const rollout = this.rollout?.plan(this.roster.posts(this.target), this.now, this.most);
    const orders = rollout?.orders ?? spawn.map((id) => ({ id, generation: this.#generation }));
    assert.ok(orders.length <= this.most, `${orders.length} at once`);
    for (const order of orders) this.#spawn(order.id, order.generation);
    for (const { id } of retire) before.delete(id);
    return [wakeAt, rollout?.wakeAt].some((at) => at !== undefined && at <= this.now);
  }

  #spawn(id: number, of: Generation): void {
    const term = of === (this.rollout?.wanted ?? of) ? this.#term : this.#term - 1;
    this.roster.add(new Worker(id, ++this.#age, term, of));
  }

  #turnRound(rollout: Rollout<Worker>): void {
    for (const worker of this.roster.staying()) if (rollout.tries(worker, this.now)) worker.leavingFor = 'reload';
    if (rollout.failure) return;
    rollout.fail(new ArbiterError('ERR_RELOAD_FAILED', 'it failed'));
    this.#term++;
  }

  #check(served: ReadonlySet<number>): void {
    const serving = this.serving();
    for (const id of served) assert.ok(serving.has(id), `slot ${id} served`);
    const posts = this.roster.posts(this.target);
    const staying = this.roster.staying();
    assert.ok(staying.length <= this.target + this.surge, `${staying.length} for ${this.target}+${this.surge}`);
    for (const { id, holders, notBefore } of posts) {
      const held = holders.some((worker) => !this.rollout?.tries(worker, this.now));
      const waits = (notBefore ?? 0) > this.now;
      assert.ok(held || waits || holders.length > 0, `slot ${id} is forgotten`);
      // The model begins with all slots filled. So only slots that were won already may be left to workers that may
      // never become ready.
      if (!held && !waits) this.#checkTried(id, holders);
    }
  }

  /** Slots that the new generation has won. Only these may be left to workers that are still being tried. */
  readonly #won = new Set<number>();
  #checkTried(id: number, holders: readonly Worker[]): void {
    assert.ok(this.#won.has(id), `slot ${id} is left to ${holders.length} that are not proven`);
  }

  /** Notes which slots the new generation has won. */
  note(): void {
    for (const { id, generation, provenAt } of this.roster.all()) {
      if (generation === 2 && provenAt !== undefined && provenAt <= this.now) this.#won.add(id);
    }
  }
}

const step = fc.record({
  what: fc.constantFrom(
    ...(['ready', 'ready', 'ready', 'soak', 'soak', 'wait', 'exit', 'exit', 'due'] as const),
    ...(['die', 'fail', 'more', 'less'] as const),
  ),
  whom: fc.nat(100),
});

function take(model: Model, { what, whom }: typeof step extends fc.Arbitrary<infer S> ? S : never): void {
  const pick = (workers: readonly Worker[]): Worker | undefined => workers[whom % workers.length];
  const leaving = model.roster.all().filter((worker) => worker.leaving);
  const [booting, gone, any] = [pick(model.booting()), pick(leaving), pick(model.roster.all())];
  if (what === 'ready') booting && model.ready(booting);
  else if (what === 'fail') booting && model.die(booting);
  else if (what === 'exit') gone && model.die(gone);
  else if (what === 'die') any && model.die(any);
  else if (what === 'due' && any) any.due = true;
  else if (what === 'soak') model.now += SOAK / 2;
  else if (what === 'wait') model.now += 20_000;
  else if (what === 'more') model.target++;
  else if (what === 'less') model.target = Math.max(1, model.target - 1);
  model.note();
  model.settle();
}

const broken = fc.constantFrom('nothing', 'the new code', 'the new code, and the old one is gone');

test('whatever happens: who serves is not taken away, never more than the surge beside, and it comes to an end', () => {
  const ends = { over: 0, back: 0 };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 4 }),
      fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
      broken,
      fc.integer({ min: 1, max: 3 }),
      (target, surge, first, steps, isBroken, most) => {
        const model = new Model(target, surge, most);
        // A rollout may begin while a worker is being recycled.
        for (const one of first) take(model, { ...one, what: one.what === 'ready' ? 'ready' : 'due' });
        model.begin();
        for (const one of steps) take(model, one);
        const boots = ({ generation, term }: Worker): boolean =>
          isBroken === 'nothing' || (generation === 1 && (isBroken === 'the new code' || term === 1));
        let rounds = 0;
        for (; model.rollout !== undefined; rounds++) {
          assert.ok(rounds < 60, 'it comes to an end');
          model.note();
          model.finishAll(boots);
        }
        if (model.end) ends[model.end]++;
        if (isBroken !== 'nothing') return;
        for (let round = 0; round < 2 * model.roster.size + 2; round++) model.finishAll(() => true);
        const wanted = model.end === 'over' ? 2 : 1;
        const rest = model.roster.all();
        assert.deepEqual([rest.length, new Set(rest.map(({ id }) => id)).size], [model.target, model.target]);
        assert.ok(rest.every(({ id, generation }) => generation === wanted || model.lost.has(id)));
      },
    ),
    { numRuns: 2_000 },
  );
  assert.ok(ends.over > 200 && ends.back > 200, JSON.stringify(ends));
});
