/*
 * A thread that serves, the thread that watches it, and a kernel that stops both, or gives a CPU to either as it likes.
 * The tests say whose time is counted, and how much of it.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { pulseInterval } from '../../../../build/worker/vitals/judge.js';
import { LIMITS, type Plan, PUNCTUAL, QUANTUM, REST, type Step, StoppedWorld } from '../../../helpers/stopped-world.js';

/** A time in milliseconds, in whole quanta. */
const time = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: Math.ceil(min / QUANTUM), max: Math.floor(max / QUANTUM) }).map((count) => count * QUANTUM);

/** Of the beats without a request. */
const LONGEST_PAUSE = 150;

const plans = (watches: boolean): fc.Arbitrary<Plan> =>
  fc.record({
    // After the longest slice, the handler never comes back.
    slice: fc.oneof(fc.constantFrom(0, 60, 1_000_000), time(5, 700)),
    pause: fc.oneof(fc.constant(0), time(5, 700)),
    boot: time(0, 400),
    begins: time(0, 1_500),
    watches: fc.constant(watches),
    rest: time(50, LONGEST_PAUSE),
  });
const stops = (min: number): fc.Arbitrary<Step> =>
  fc.record({
    length: time(min, 5_000),
    stopped: fc.constant(true),
    main: fc.constant(false),
    watchdog: fc.constant(false),
  });
const runs: fc.Arbitrary<Step> = fc.record({
  length: time(5, 400),
  stopped: fc.constant(false),
  main: fc.boolean(),
  watchdog: fc.boolean(),
});
const FREE: Step = { length: 50, stopped: false, main: true, watchdog: true };
const histories = (min: number): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(runs, fc.constant(FREE), stops(min)), { maxLength: 40 });

/** Two timers (of the beat and of a look) and the ends of slices may each be off by a quantum. */
const ROUNDED = 4 * QUANTUM;

function live(plan: Plan, steps: readonly Step[]): StoppedWorld {
  const world = new StoppedWorld(plan);
  for (const step of steps) world.step(step);
  return world;
}

/**
 * Lets the world go on undisturbed until somebody finds that the time of the request is over. Hardly any history is so
 * long by itself.
 */
function ended(plan: Plan, steps: readonly Step[], limit: number): StoppedWorld {
  const world = live(plan, steps);
  for (let left = limit; left > 0 && !world.verdict; left -= FREE.length) world.step(FREE);
  assert.ok(world.verdict, `never, ${world.used} ms used`);
  return world;
}

test('of a stop that lasts two rests of the watchdog, nothing is ever counted', () => {
  fc.assert(
    fc.property(plans(true), histories(2 * REST + 2 * PUNCTUAL), (plan, steps) => {
      const { verdict, used } = ended(plan, steps, 100_000);
      assert.ok(used >= LIMITS.timeout - ROUNDED, `${verdict?.by}: ${used} ms used`);
    }),
    { numRuns: 3_000 },
  );
});

test('of a shorter one, no more than one rest', () => {
  fc.assert(
    fc.property(plans(true), histories(5), (plan, steps) => {
      const { verdict, used, stops } = ended(plan, steps, 100_000);
      const least = LIMITS.timeout - stops * (REST + PUNCTUAL) - ROUNDED;
      assert.ok(used >= least, `${verdict?.by}: ${used} ms used, with ${stops} stops`);
    }),
    { numRuns: 3_000 },
  );
});

test('a request that only waits, and began between two rare beats, finds out itself about a stop, all but a beat', () => {
  const plan = { slice: 0, pause: 0, boot: 0, begins: 100, watches: false, rest: 400 };
  const stop = { length: 2_000, stopped: true, main: false, watchdog: false };
  const { used } = ended(plan, [{ ...FREE, length: 150 }, stop], 2 * LIMITS.timeout);
  assert.ok(used >= LIMITS.timeout - pulseInterval(LIMITS) - PUNCTUAL - ROUNDED, `${used} ms used`);
});

/**
 * It takes a look and a beat until a loop is taken to stand still. Also, idle time from before the request began is
 * taken for a wait at the first look, if the thread would run then.
 */
const FOUND = 250 + LONGEST_PAUSE + REST + ROUNDED;

test('a request that never ends is ended, however often it was stopped: each stop costs a rest, and a wait for a CPU twice itself', () => {
  fc.assert(
    fc.property(plans(true), histories(5), (plan, steps) => {
      const { used, stops, starved } = ended(plan, steps, 100_000);
      const waits = 2 * (starved.main + starved.watchdog + plan.boot);
      // A thread that was just woken at a look may have waited for a CPU since its last beat.
      const share = plan.pause > 0 ? 1.3 : 1;
      const most = share * LIMITS.timeout + FOUND + stops * (REST + PUNCTUAL) + waits;
      assert.ok(used <= most, `${used} ms used of ${most}`);
    }),
    { numRuns: 3_000 },
  );
});

test('so it is by its own thread, where nobody watches, or where who watches is never there', () => {
  const turning = plans(true).filter(({ slice }) => slice <= 60);
  fc.assert(
    fc.property(turning, histories(5), fc.boolean(), (plan, steps, watches) => {
      const { used, stops, starved } = ended({ ...plan, watches, boot: 1e9 }, steps, 100_000);
      const most = LIMITS.timeout + FOUND + (watches ? 3_000 : 0) + stops * (REST + PUNCTUAL) + 2 * starved.main;
      assert.ok(used <= most, `${used} ms used of ${most}`);
    }),
  );
});
