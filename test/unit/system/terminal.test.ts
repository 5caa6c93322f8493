import assert from 'node:assert/strict';
import test from 'node:test';
import { watchTerminal } from '../../../build/system/terminal.js';

/** A terminal and a clock that the test controls. */
function world(first: boolean | undefined): {
  present: boolean | undefined;
  time: number;
  asked: number;
  left: number;
} & {
  readonly terminal: ReturnType<typeof watchTerminal>;
} {
  const state = { present: first, time: 0, asked: 0, left: 0 };
  const terminal = watchTerminal({
    present: () => {
      state.asked++;
      return state.present;
    },
    now: () => state.time,
    leave: () => {
      state.left++;
    },
  });
  return Object.assign(state, { terminal });
}

test('with a terminal, WINCH is its own, and HUP is when it has just gone', () => {
  const one = world(true);
  assert.deepEqual([one.terminal.sends('SIGWINCH'), one.terminal.sends('SIGHUP')], [true, false]);
  one.present = false;
  one.time = 60_000;
  assert.equal(one.terminal.sends('SIGHUP'), true);
  // Both the shell and the system may send the signal.
  one.time += 100;
  assert.deepEqual([one.terminal.sends('SIGHUP'), one.terminal.sends('SIGWINCH'), one.left], [true, false, 1]);
  one.time += 60_000;
  assert.equal(one.terminal.sends('SIGHUP'), false);
  one.terminal.close();
});

test('one that has gone without a signal is known to have gone', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const one = world(true);
  one.present = false;
  t.mock.timers.tick(2_000);
  one.time = 3_600_000;
  assert.deepEqual([one.terminal.sends('SIGHUP'), one.terminal.sends('SIGWINCH')], [false, false]);
  one.terminal.close();
});

test('where nobody can tell, it is as it was', () => {
  const one = world(true);
  one.present = undefined;
  assert.deepEqual([one.terminal.sends('SIGWINCH'), one.terminal.sends('SIGHUP')], [true, false]);
  const none = world(undefined);
  assert.deepEqual([none.terminal.sends('SIGWINCH'), none.terminal.sends('SIGHUP')], [false, false]);
  one.terminal.close();
});

test('without a terminal nothing is its own, and nobody looks in vain', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const none = world(false);
  t.mock.timers.tick(60_000);
  assert.equal(none.asked, 1);
  for (const name of ['SIGWINCH', 'SIGHUP', 'SIGTERM']) assert.equal(none.terminal.sends(name), false, name);
  const one = world(true);
  assert.deepEqual([one.terminal.sends('SIGTERM'), one.terminal.sends('SIGTTIN')], [false, false]);
  one.terminal.close();
});
