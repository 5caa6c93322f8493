import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  bootLimit,
  countSilence,
  type Silence,
  silenceLimit,
  spanOfTick,
} from '../../../../build/master/workers/clocks.js';
import { beatInterval } from '../../../../build/protocol/spec.js';

test('beats are finer where the timeout is short, and there are some without one', () => {
  const given = [0, 1, 79, 80, 300, 2_000, 4_000, 30_000];
  assert.deepEqual(given.map(beatInterval), [1_000, 20, 20, 20, 75, 500, 1_000, 1_000]);
});

test('the watchdog has the first chance, at the limit and when it boots', () => {
  const clocks = { timeout: 2_000, bootTimeout: 500, slowAfter: 0 };
  assert.equal(silenceLimit({ ...clocks, watchdog: false }), 3_000);
  assert.equal(silenceLimit({ ...clocks, watchdog: true }), 4_500);
  assert.equal(bootLimit({ ...clocks, watchdog: false }), 500);
  assert.equal(bootLimit({ ...clocks, watchdog: true }), 1_500);
  assert.equal(bootLimit({ ...clocks, bootTimeout: 0, watchdog: true }), 0);
});

test('a tick has seen the time since the last one, of a late one an interval, of one that is very late nothing', () => {
  assert.deepEqual(spanOfTick(1_000, 1_090, 100), { from: 1_000, to: 1_090, share: 1 });
  assert.deepEqual(spanOfTick(1_000, 1_200, 100), { from: 1_100, to: 1_200, share: 0.5 });
  assert.deepEqual(spanOfTick(1_000, 1_201, 100), { from: 1_201, to: 1_201, share: 0 });
  assert.deepEqual(spanOfTick(1_000, 1_000, 100), { from: 1_000, to: 1_000, share: 0 });
});

const waited = (milliseconds: number) => ({ figures: { cpu: 0, waited: milliseconds, runnable: false } });
const SIGN = { beat: 1_000, patientUntil: 0, ...waited(0) };
const BEFORE: Silence = { beat: 1_000, ...waited(0), length: 300, whole: 300 };
const SPAN = { from: 1_300, to: 1_400, share: 1 };

test('silence grows by each span, and a beat begins it anew', () => {
  assert.equal(countSilence(undefined, SIGN, SPAN).length, 0);
  assert.equal(countSilence(BEFORE, SIGN, SPAN).length, 400);
  assert.equal(countSilence(BEFORE, { ...SIGN, beat: 1_350 }, SPAN).length, 50);
  assert.equal(countSilence(BEFORE, { ...SIGN, beat: 1_250 }, SPAN).length, 100);
});

test('what a worker waited for the CPU does not count, as far as the tick has seen it', () => {
  assert.equal(countSilence(BEFORE, { ...SIGN, ...waited(80) }, SPAN).length, 320);
  assert.equal(countSilence(BEFORE, { ...SIGN, ...waited(80) }, { ...SPAN, share: 0.5 }).length, 360);
  assert.equal(countSilence(BEFORE, { ...SIGN, ...waited(80) }, { ...SPAN, from: SPAN.to, share: 0 }).length, 300);
  // Part of a long wait that has just ended was counted as silence before.
  assert.equal(countSilence(BEFORE, { ...SIGN, ...waited(350) }, SPAN).length, 50);
  assert.equal(countSilence(BEFORE, { ...SIGN, ...waited(999) }, SPAN).length, 0);
});

test('of a worker that waits for a CPU at this moment, what it had of one counts', () => {
  const figures = (cpu: number) => ({ figures: { cpu, waited: 0, runnable: true } });
  assert.equal(countSilence(BEFORE, { ...SIGN, ...figures(0) }, SPAN).length, 300);
  assert.equal(countSilence(BEFORE, { ...SIGN, ...figures(30) }, SPAN).length, 330);
  assert.equal(countSilence(BEFORE, { ...SIGN, ...figures(500) }, SPAN).length, 400);
});

test('time in which a worker is stopped counts as long as it is', () => {
  const stopped = { ...SIGN, figures: { ...SIGN.figures, stopped: true } };
  const [first, second] = [SPAN, { ...SPAN, from: 1_400, to: 1_500 }];
  const still = countSilence(countSilence(BEFORE, stopped, first), stopped, second);
  assert.deepEqual([still.length, still.whole], [500, 500]);
  const after = countSilence(still, SIGN, { ...SPAN, from: 1_500, to: 1_600 });
  assert.deepEqual([after.length, after.whole, after.stopped], [400, 400, undefined]);
  // The silence of a worker that was idle begins anew.
  assert.equal(countSilence(still, { ...SIGN, beat: 1_550 }, { ...SPAN, from: 1_500, to: 1_600 }).length, 50);
});

test('silence does not count before the moment until which the worker asked for patience', () => {
  assert.equal(countSilence(BEFORE, { ...SIGN, patientUntil: 9_000 }, SPAN).length, 0);
  assert.equal(countSilence(BEFORE, { ...SIGN, patientUntil: 1_370 }, SPAN).length, 30);
  assert.equal(countSilence(BEFORE, { ...SIGN, patientUntil: 1_300 }, SPAN).length, 400);
  // The worker has stood still all the same, and `whole` says so.
  assert.equal(countSilence(BEFORE, { ...SIGN, patientUntil: 9_000 }, SPAN).whole, 400);
  assert.equal(countSilence(BEFORE, { ...SIGN, beat: 1_350, patientUntil: 9_000 }, SPAN).whole, 50);
});

const INTERVAL = 100;
const STEP = 10;
const MAX_WAIT = 90;

/** A master and a worker in steps of time: which of them runs, and what the worker does with the time. */
class World {
  now = 5_000;
  silence: Silence | undefined;
  /** How long the event loop has really stood still while the worker ran. */
  had = 0;
  /** How often the master, or both processes, were stopped since the last beat. */
  stops = 0;
  #sign = { beat: 5_000, patientUntil: 0, ...waited(0) };
  #waiting = 0;
  #lastTick = 5_000;
  #ticks = 0;

  get ticks(): number {
    return this.#ticks;
  }

  /** @param waits - in how many of ten steps the worker waits for a CPU. */
  go(steps: number, what: { stuck: boolean; worker: 'runs' | 'stopped'; waits: number; master: boolean }): void {
    if (!what.master) this.stops++;
    for (let step = 0; step < steps; step++) {
      this.now += STEP;
      if (what.worker === 'runs') {
        if (step % 10 < what.waits) this.#waiting += STEP;
        else this.#run(what.stuck);
      }
      if (what.master && this.now - this.#lastTick >= INTERVAL) this.#tick();
    }
  }

  #run(stuck: boolean): void {
    this.#sign = { ...this.#sign, ...waited(this.#sign.figures.waited + this.#waiting) };
    this.#waiting = 0;
    this.had += STEP;
    if (stuck) return;
    this.#sign = { ...this.#sign, beat: this.now };
    this.had = 0;
    this.stops = 0;
  }

  #tick(): void {
    this.#ticks++;
    this.silence = countSilence(this.silence, this.#sign, spanOfTick(this.#lastTick, this.now, INTERVAL));
    this.#lastTick = this.now;
    // The master does not know yet of a wait that is not over. Such a wait may fall into a stop.
    const known = this.had + this.#waiting + (INTERVAL + MAX_WAIT) * this.stops;
    assert.ok(this.silence.length <= known, `${this.silence.length} counted, ${known} had`);
  }
}

const what = fc.record({
  stuck: fc.boolean(),
  worker: fc.constantFrom('runs', 'runs', 'stopped'),
  waits: fc.constantFrom(0, 0, 3, 8, MAX_WAIT / STEP),
  master: fc.boolean(),
});
const phase = fc.tuple(fc.integer({ min: 1, max: 100 }), what);
/** If somebody stops the worker alone, the time counts. So here the master is stopped with it. */
const play = (world: World, steps: number, then: Parameters<World['go']>[1]): void =>
  world.go(steps, then.worker === 'stopped' ? { ...then, master: false } : then);

test('no more is counted than a worker had, whoever was stopped or had to wait', () => {
  let counted = 0;
  fc.assert(
    fc.property(fc.array(phase, { minLength: 5, maxLength: 30 }), (phases) => {
      const world = new World();
      for (const [steps, then] of phases) {
        play(world, steps, then);
        counted += world.silence?.length ?? 0;
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(counted > 10_000, `only ${counted} ms were counted`);
});

test('whatever was before, one that hangs while it could run is found, even if it gets a tenth of a CPU', () => {
  const limit = 1_000;
  fc.assert(
    fc.property(fc.array(phase, { maxLength: 20 }), fc.integer({ min: 0, max: 9 }), (phases, waits) => {
      const world = new World();
      for (const [steps, then] of phases) play(world, steps, then);
      const needed = (limit + 3 * INTERVAL) / STEP;
      world.go((needed * 10) / (10 - waits), { stuck: true, worker: 'runs', waits, master: true });
      assert.ok((world.silence?.length ?? 0) > limit, `${world.silence?.length} ms`);
    }),
    { numRuns: 500 },
  );
});
