import assert from 'node:assert/strict';
import test from 'node:test';
import { SaturationWatch, WINDOW } from '../../../../build/master/numbers/saturation.js';

/** An acceptor that is free for this share of each window. It says so at the ends of the windows. */
function acceptor(key: string, share: (window: number) => number): (window: number) => { key: string; room: Room } {
  let free = 0;
  return (window) => {
    if (window > 0) free += share(window) * WINDOW;
    return { key, room: { free, at: window * WINDOW, open: false } };
  };
}
type Room = { readonly free: number; readonly at: number; readonly open: boolean };

function near(value: number | undefined, expected: number): void {
  assert.ok(value !== undefined && Math.abs(value - expected) < 1e-5, `${value}, expected ${expected}`);
}

test('nothing is known before two looks, and where nobody accepts', () => {
  const watch = new SaturationWatch();
  const unknown = { second: undefined, minute: undefined, fiveMinutes: undefined };
  assert.deepEqual(watch.shares, unknown);
  watch.look(0, [{ key: 'a', room: { free: 0, at: 0, open: false } }]);
  assert.deepEqual(watch.shares, unknown);
  const without = new SaturationWatch();
  for (let window = 0; window < 5; window++) without.look(window * WINDOW, [{ key: 'a', room: undefined }]);
  assert.deepEqual(without.shares, unknown);
});

test('a house is full when all are busy, and not when one is free', () => {
  const watch = new SaturationWatch();
  const busy = acceptor('a', () => 0);
  const other = acceptor('b', (window) => (window <= 20 ? 0 : 1));
  for (let window = 0; window <= 20; window++) watch.look(window * WINDOW, [busy(window), other(window)]);
  near(watch.shares.second, 1);
  near(watch.shares.minute, 1);
  for (let window = 21; window <= 25; window++) watch.look(window * WINDOW, [busy(window), other(window)]);
  near(watch.shares.second, 0.5);
  near(watch.shares.minute, 20 / 25);
  near(watch.shares.fiveMinutes, 20 / 25);
});

test('each span forgets what is older', () => {
  const watch = new SaturationWatch();
  const one = acceptor('a', (window) => (window <= 3_000 ? 0 : 1));
  let window = 0;
  const until = (end: number): void => {
    for (; window <= end; window++) watch.look(window * WINDOW, [one(window)]);
  };
  until(3_000);
  near(watch.shares.fiveMinutes, 1);
  until(3_010);
  near(watch.shares.second, 0);
  near(watch.shares.minute, 590 / 600);
  until(3_600);
  near(watch.shares.minute, 0);
  near(watch.shares.fiveMinutes, 2_400 / 3_000);
  until(6_000);
  near(watch.shares.fiveMinutes, 0);
  watch.clear();
  assert.equal(watch.shares.second, undefined);
});

test('within a window, each is taken to be busy whatever the others are', () => {
  const watch = new SaturationWatch();
  const acceptors = ['a', 'b', 'c'].map((key) => acceptor(key, () => 0.5));
  for (let window = 0; window <= 10; window++) {
    watch.look(
      window * WINDOW,
      acceptors.map((each) => each(window)),
    );
  }
  near(watch.shares.second, 1 / 8);
});

test('one that was free when it wrote last has gone on being free, but not for ever', () => {
  const watch = new SaturationWatch();
  const idle = { key: 'a', room: { free: 100, at: 0, open: true } };
  for (let window = 0; window <= 10; window++) watch.look(window * WINDOW, [idle]);
  near(watch.shares.second, 0);
  // The acceptor has not said so for longer than a beat: it stands still, or it is gone.
  for (let window = 11; window <= 40; window++) watch.look(window * WINDOW, [idle]);
  near(watch.shares.second, 1);
});

test('one that could not be read at a look is known at the next, and a newcomer when it has been seen twice', () => {
  const watch = new SaturationWatch();
  const one = acceptor('a', () => 0.5);
  watch.look(0, [one(0)]);
  one(1);
  watch.look(WINDOW, [{ key: 'a', room: undefined }]);
  watch.look(2 * WINDOW, [one(2), { key: 'b', room: { free: 1_000_000, at: 0, open: false } }]);
  near(watch.shares.second, 0.5);
});

test('without any ready worker no place is free; what was not looked at counts for as long as it was', () => {
  const watch = new SaturationWatch();
  const one = acceptor('a', () => 1);
  for (let window = 0; window <= 10; window++) watch.look(window * WINDOW, [one(window)]);
  near(watch.shares.second, 0);
  watch.look(15 * WINDOW, []);
  near(watch.shares.second, 0.5);
});
