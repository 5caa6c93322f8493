import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Queues } from '../../../../build/master/site/queues.js';
import { type Level, LOOKS, nextLevel } from '../../../../build/master/sockets/queue-level.js';

const BACKLOG = 8;
/** Whether the level is high after each of these looks. */
function follow(looks: readonly number[]): boolean[] {
  let level: Level = { high: false, looks: 0 };
  return looks.map((waiting) => {
    level = nextLevel(level, waiting, BACKLOG);
    return level.high;
  });
}

test('a queue is high after three looks in a row above half, and no sooner', () => {
  assert.deepEqual(follow([5, 9, 5]), [false, false, true]);
  assert.deepEqual(follow([5, 9, 4, 5, 5]), [false, false, false, false, false]);
  assert.deepEqual(follow([4, 4, 4, 4, 4]), [false, false, false, false, false]);
});

test('it is no more after three looks in a row at a quarter or below', () => {
  const high = [9, 9, 9];
  assert.deepEqual(follow([...high, 2, 0, 2]).slice(3), [true, true, false]);
  assert.deepEqual(follow([...high, 2, 0, 3, 2, 2]).slice(3), [true, true, true, true, true]);
  assert.deepEqual(follow([...high, 3, 4, 3, 4, 5]).slice(3), [true, true, true, true, true]);
  assert.deepEqual(follow([...high, 0, 0, 0, 5, 5, 5]).slice(3), [true, true, false, false, false, true]);
});

test('it changes only after looks that all say so, and not more often than every third time', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10), { maxLength: 60 }), (looks) => {
      let last = -LOOKS;
      let high = false;
      for (const [index, now] of follow(looks).entries()) {
        if (now === high) continue;
        assert.ok(index - last >= LOOKS || last < 0);
        for (const seen of looks.slice(index - LOOKS + 1, index + 1)) assert.ok(now ? seen > 4 : seen <= 2);
        [last, high] = [index, now];
      }
    }),
  );
});

test('of a descriptor that is not open nothing is known, and nothing is told', () => {
  const told: unknown[] = [];
  const notifier = { emit: (...all: unknown[]) => told.push(all) } as never;
  const queues = new Queues([{ fd: 99_999, address: '/run/app.sock' }], 1, notifier);
  for (let look = 0; look < LOOKS; look++) queues.look();
  queues.tellCut();
  const [{ address, waiting } = {}] = queues.stats();
  assert.deepEqual([address, waiting, told], ['/run/app.sock', undefined, []]);
});
