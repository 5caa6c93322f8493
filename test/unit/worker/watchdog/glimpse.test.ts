import assert from 'node:assert/strict';
import test from 'node:test';
import { monotonic } from '../../../../build/monotonic.js';
import { ownThread } from '../../../../build/system/thread-figures.js';
import { Vitals } from '../../../../build/worker/vitals/vitals.js';
import { Absence } from '../../../../build/worker/watchdog/absence.js';
import { lookTwice } from '../../../../build/worker/watchdog/glimpse.js';
import { inTraceLimit } from '../../../../build/worker/watchdog/trace.js';

const { pathname } = new URL('../../../../build/worker/x.js', import.meta.url);
const ENTRY = '    at processTimers (node:internal/timers:505:5)';
const APP = `    at render (/srv/app.js:1:2)\n${ENTRY}`;
const OWN = `    at #look (${pathname}:1:2)\n${ENTRY}`;

interface Seen {
  readonly stack?: string;
  readonly paused: number;
}

/** What is found of a thread that looks like this, at one look after the other, and how often it was looked at. */
async function found(looks: readonly Seen[], beats = false) {
  const vitals = new Vitals();
  vitals.systemThread = ownThread();
  vitals.beat(50);
  let count = 0;
  const glimpse = await lookTwice(vitals, async () => {
    if (beats) vitals.beat(50);
    return looks[count++] as Seen;
  });
  return { ...glimpse, looks: count };
}

test('a thread that runs the application, or native code, is looked at once', async () => {
  assert.deepEqual(await found([{ stack: APP, paused: 2 }]), { stack: APP, paused: 2, looks: 1 });
  assert.deepEqual(await found([{ paused: 0 }]), { paused: 0, looks: 1 });
});

test('a thread that is met in a timer of this library waits', async () => {
  assert.deepEqual(await found([{ stack: OWN, paused: 2 }]), { waits: true, paused: 2, looks: 1 });
});

test('a thread that has just turned to what came in waits: its event loop has turned by the second look', async () => {
  assert.deepEqual(await found([{ stack: ENTRY, paused: 2 }], true), { waits: true, paused: 2, looks: 1 });
});

test('a thread that was met in the code of Node, and turns no more, is looked at again, and that counts', async () => {
  assert.deepEqual(
    await found([
      { stack: ENTRY, paused: 2 },
      { stack: APP, paused: 3 },
    ]),
    { stack: APP, paused: 5, looks: 2 },
  );
  assert.deepEqual(await found([{ stack: ENTRY, paused: 2 }, { paused: 0 }]), { paused: 2, looks: 2 });
  const busy = { stack: ENTRY, paused: 2 };
  assert.deepEqual(await found([busy, busy]), { stack: ENTRY, paused: 4, looks: 2 });
  assert.deepEqual(await found([busy, { stack: OWN, paused: 1 }]), { waits: true, paused: 3, looks: 2 });
});

test('what says that no stack will come ends the wait for it at once', async () => {
  let looks = 0;
  const figures = { read: () => ({ cpu: 0, waited: 0, runnable: false, looks: looks++ }) };
  const absence = new Absence(figures, monotonic());
  assert.equal(await inTraceLimit(Promise.resolve(undefined), absence, { used: 200, all: 200 }), undefined);
  // One look when the watch began, and one when the wait began.
  assert.equal(looks, 2);
});
