import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { monotonic } from '../../../../build/monotonic.js';
import { Judge, pulseInterval, restInterval, type Verdict } from '../../../../build/worker/vitals/judge.js';
import { Pulse } from '../../../../build/worker/vitals/pulse.js';
import { type Signs, STAGE } from '../../../../build/worker/vitals/vitals.js';
import { Absence } from '../../../../build/worker/watchdog/absence.js';
import { eventually } from '../../../helpers/wait.js';

const LIMITS = { timeout: 1_000, bootTimeout: 5_000, watchdog: true, slowAfter: 0 };
const INTERVAL = pulseInterval(LIMITS);
const CLOCKS = { interval: INTERVAL, extra: 0, patientUntil: 0 };
const SERVING: Signs = { stage: STAGE.SERVING, beat: 0, request: 0, ...CLOCKS };

function verdict(found: Verdict | number): Verdict {
  assert.ok(typeof found !== 'number', `${found} ms are left`);
  return found;
}

test('beats are often enough for a short timeout, and no more often than it pays', () => {
  assert.deepEqual(
    [0, 1, 100, 500, 30_000].map((timeout) => pulseInterval({ timeout })),
    [50, 5, 10, 50, 50],
  );
});

test('without a request, beats are as rare as the timeout allows, unless somebody looks for slow requests', () => {
  const rest = (timeout: number, slowAfter = 0): number => restInterval({ timeout, slowAfter });
  assert.deepEqual(
    [0, 1, 100, 500, 2_000, 30_000].map((timeout) => rest(timeout)),
    [50, 5, 10, 50, 100, 500],
  );
  assert.equal(rest(30_000, 1_000), 50);
});

test('a thread beats more often while it has a request', async (t) => {
  const pulse = new Pulse({ ...LIMITS, timeout: 30_000 }, 0);
  t.after(() => pulse.stop());
  // The timers of a pulse keep no process alive.
  const busy = setInterval(() => undefined, 1_000);
  t.after(() => clearInterval(busy));
  const { vitals } = pulse;
  const next = (): number => vitals.read().interval;
  assert.equal(next(), 50);
  pulse.serve();
  await eventually(() => next() === 500, 'rare beats');
  vitals.begin(performance.now());
  await eventually(() => next() === 50, 'frequent beats');
  vitals.end();
  await eventually(() => next() === 500, 'rare beats again');
});

test('who wants to know of late beats has them, however late it says so', async (t) => {
  const pulse = new Pulse({ ...LIMITS, timeout: 0 }, 0);
  t.after(() => pulse.stop());
  const busy = setInterval(() => undefined, 1_000);
  t.after(() => clearInterval(busy));
  pulse.serve();
  let late = 0;
  pulse.onLate((duration) => (late = duration));
  const { beat } = pulse.vitals.read();
  await eventually(() => pulse.vitals.read().beat > beat, 'a beat');
  for (const end = performance.now() + 200; performance.now() < end; );
  await eventually(() => late >= 150, 'a late beat');
  const patient = new Pulse({ ...LIMITS, timeout: 30_000 }, 0);
  t.after(() => patient.stop());
  patient.serve();
  patient.onLate(() => undefined);
  const before = patient.vitals.read().beat;
  await eventually(() => patient.vitals.read().beat > before, 'a beat of one with a timeout');
  assert.equal(patient.vitals.read().interval, 50);
});

test('a beat that is rare is not missed before it is due', () => {
  const judge = new Judge({ ...LIMITS, timeout: 30_000 }, 0);
  const signs = { ...SERVING, beat: 1_000, interval: 500 };
  assert.equal(judge.look(31_499, signs, 0), 1);
  assert.equal(verdict(judge.look(31_500, signs, 0)).elapsed, 30_000);
  const request = { ...signs, request: 1_001 };
  for (const [at, alive] of [
    [1_649, true],
    [1_650, false],
  ] as const) {
    const short = new Judge({ ...LIMITS, timeout: 100 }, 0);
    assert.equal(verdict(short.look(at, { ...request, interval: 620 }, 0)).alive, alive);
  }
});

test('a loop that turns is never overdue, whatever the time', () => {
  const judge = new Judge(LIMITS, 0);
  for (let now = 0; now < 100_000; now += INTERVAL) {
    assert.equal(typeof judge.look(now, { ...SERVING, beat: now }, 0), 'number');
  }
});

test('a loop that stood still while the application was loaded is not overdue when it serves', () => {
  const pulse = new Pulse(LIMITS, 0);
  // The first number in the memory is the last beat. It is as long ago as loading an application in one go may take.
  new Float64Array(pulse.vitals.memory)[0] = monotonic() - 100 * LIMITS.timeout;
  pulse.serve();
  const signs = pulse.vitals.read();
  pulse.stop();
  assert.equal(signs.stage, STAGE.SERVING);
  assert.equal(typeof new Judge(LIMITS, 0).look(signs.beat + LIMITS.timeout / 2, signs, 0), 'number');
  assert.ok(monotonic() - signs.beat < 50 * LIMITS.timeout);
});

test('a loop that stands still is overdue a timeout after the beat that is missing, and not before', () => {
  const judge = new Judge(LIMITS, 0);
  assert.equal(judge.look(1_000, { ...SERVING, beat: 1_000 }, 0), 1_000 + INTERVAL);
  assert.equal(judge.look(1_999 + INTERVAL, { ...SERVING, beat: 1_000 }, 0), 1);
  assert.deepEqual(judge.look(2_000 + INTERVAL, { ...SERVING, beat: 1_000 }, 0), {
    clock: 'loop',
    elapsed: 1_000,
    alive: false,
  });
});

test('a request is overdue after its timeout, and whether the loop turns is told', () => {
  for (const [beat, alive] of [
    [1_990, true],
    [1_000, false],
  ] as const) {
    const judge = new Judge(LIMITS, 0);
    const signs = { ...SERVING, beat, request: 1_000 };
    judge.look(1_000, signs, 0);
    assert.equal(judge.look(1_999, signs, 0), 1);
    assert.deepEqual(verdict(judge.look(2_000, signs, 0)), { clock: 'request', elapsed: 1_000, alive });
  }
});

test('the next request has its own time', () => {
  const judge = new Judge(LIMITS, 0);
  for (let now = 0; now < 10_000; now += 900) {
    assert.equal(typeof judge.look(now, { ...SERVING, beat: now, request: now - 450 }, 0), 'number');
  }
});

test('an extension belongs to the request and to the loop', () => {
  const judge = new Judge(LIMITS, 0);
  const signs = { ...SERVING, beat: 100, request: 100, extra: 500, patientUntil: 600 };
  assert.equal(judge.look(1_500, signs, 0), 100);
  assert.equal(verdict(judge.look(1_600, signs, 0)).clock, 'request');
  const idle = new Judge(LIMITS, 0);
  assert.equal(idle.look(1_500, { ...signs, request: 0 }, 0), 100);
  // The reported time is what has passed since the next beat was due, and includes the extension. So it does for a
  // request.
  const late = idle.look(1_600, { ...signs, request: 0 }, 0);
  assert.deepEqual(late, { clock: 'loop', elapsed: 1_500 - INTERVAL, alive: false });
});

test('a boot has its own limit, and no other clock', () => {
  const judge = new Judge(LIMITS, 10_000);
  const signs = { ...SERVING, stage: STAGE.BOOTING, beat: 10_000 };
  assert.equal(judge.look(14_999, signs, 0), 1);
  assert.deepEqual(judge.look(15_000, signs, 0), { clock: 'boot', elapsed: 5_000, alive: false });
  assert.equal(new Judge({ ...LIMITS, bootTimeout: 0 }, 0).look(1e9, signs, 0), Number.POSITIVE_INFINITY);
});

test('0 is no limit, and who ends by itself is not judged', () => {
  const signs = { ...SERVING, request: 1 };
  assert.equal(new Judge({ ...LIMITS, timeout: 0 }, 0).look(1e9, signs, 0), Number.POSITIVE_INFINITY);
  assert.equal(new Judge(LIMITS, 0).look(1e9, { ...signs, stage: STAGE.ENDING }, 0), Number.POSITIVE_INFINITY);
});

test('time without a CPU belongs to nobody', () => {
  const judge = new Judge(LIMITS, 0);
  const signs = { ...SERVING, beat: 1_000, request: 1_000 };
  judge.look(900, { ...SERVING, beat: 900 }, 300);
  judge.look(1_000, signs, 300);
  assert.equal(judge.look(2_500, signs, 1_300), 500);
  assert.equal(verdict(judge.look(3_000, signs, 1_300)).elapsed, 1_000);
  // Time that was lost before does not help what begins later.
  const later = { ...SERVING, beat: 3_200, request: 3_200 };
  assert.equal(judge.look(3_300, later, 1_300), 900);
});

test('whatever happens, nobody is overdue who has not had the time', () => {
  const step = fc.record({ passed: fc.nat(3_000), away: fc.nat(100), beats: fc.boolean(), begins: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const judge = new Judge(LIMITS, 0);
      let [now, away, beat, request, awayAtBeat, awayAtRequest] = [1, 0, 1, 0, 0, 0];
      judge.look(now, { ...SERVING, beat, request }, away);
      for (const { passed, away: share, beats, begins } of steps) {
        if (beats) [beat, awayAtBeat] = [now, away];
        if (begins) [request, awayAtRequest] = [now, away];
        now += passed;
        away += (passed * share) / 100;
        const found = judge.look(now, { ...SERVING, beat, request }, away);
        if (typeof found === 'number') continue;
        const had = found.clock === 'loop' ? now - beat - (away - awayAtBeat) : now - request - (away - awayAtRequest);
        assert.ok(had >= LIMITS.timeout - 1e-6, `${found.clock}: ${had}`);
      }
    }),
  );
});

test('absence: what the kernel counts, and what the watcher missed itself, not both', () => {
  let figures = { cpu: 0, waited: 100, runnable: false };
  const absence = new Absence({ read: () => figures }, 0);
  const look = (due: number, at: number, change: Partial<typeof figures>): number => {
    figures = { ...figures, ...change };
    absence.expect(due);
    return absence.measure(at);
  };
  assert.equal(absence.measure(0), 0);
  assert.equal(look(50, 55, {}), 0, 'a timer may be a little late');
  assert.equal(look(100, 100, { waited: 130 }), 30);
  assert.equal(look(150, 950, {}), 880, 'the watcher was stopped for 800 ms or more: the thread used none of it');
  assert.equal(look(1_000, 1_600, { waited: 830 }), 1_530, 'the watched thread had the CPU for 50 ms of 700');
  assert.equal(look(1_700, 1_700, { runnable: true, cpu: 20 }), 1_610, 'it waits, and that is not counted yet');
  assert.equal(look(1_800, 1_800, { cpu: 120 }), 1_610, 'it ran all the time');
});
