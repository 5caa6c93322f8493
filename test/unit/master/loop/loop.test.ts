import assert from 'node:assert/strict';
import test from 'node:test';
import { Loop } from '../../../../build/master/loop/loop.js';

const noop = (): void => undefined;

/** The state of a promise once all that was ready to run has run. */
async function state(promise: Promise<unknown>): Promise<string> {
  let state = 'pending';
  promise.then(
    () => {
      state = 'resolved';
    },
    () => {
      state = 'rejected';
    },
  );
  await new Promise(setImmediate);
  return state;
}

test('turns are acted on in order, each settled before the next', () => {
  const log: string[] = [];
  const loop = new Loop<string>(
    (turn) => log.push(turn),
    () => log.push('settle'),
  );
  loop.enqueue('a');
  loop.enqueue('b');
  assert.deepEqual(log, ['a', 'settle', 'b', 'settle']);
});

test('what a turn or its settling enqueues waits until that turn is done', () => {
  const log: string[] = [];
  const loop: Loop<string> = new Loop<string>(
    (turn) => {
      log.push(`${turn} begins`);
      if (turn === 'a') {
        loop.enqueue('b');
        loop.enqueue('c');
      }
      log.push(`${turn} ends`);
    },
    () => {
      log.push('settle');
      if (log.length === 3) loop.enqueue('d');
    },
  );
  loop.enqueue('a');
  const turns = ['a', 'b', 'c', 'd'].flatMap((turn) => [`${turn} begins`, `${turn} ends`, 'settle']);
  assert.deepEqual(log, turns);
});

test('a condition that holds already resolves without a turn', async () => {
  await new Loop<string>(noop, noop).until(() => true);
});

test('a condition is looked at after each turn, and forgotten once it has held', async () => {
  let value = 0;
  let looks = 0;
  const loop = new Loop<number>((turn) => {
    value = turn;
  }, noop);
  const promise = loop.until(() => {
    looks++;
    return value === 2;
  });
  loop.enqueue(1);
  assert.equal(await state(promise), 'pending');
  loop.enqueue(2);
  loop.enqueue(3);
  assert.equal(await state(promise), 'resolved');
  assert.equal(looks, 3);
});

test('a condition sees what the settling made of the turn', async () => {
  let settled = false;
  const loop = new Loop<string>(noop, () => {
    settled = true;
  });
  const promise = loop.until(() => settled);
  loop.enqueue('a');
  assert.equal(await state(promise), 'resolved');
});

test('a state that lasts one turn only is seen', async () => {
  let last = '';
  const loop: Loop<string> = new Loop<string>((turn) => {
    last = turn;
    if (turn === 'first') loop.enqueue('second');
  }, noop);
  const once = loop.until(() => last === 'first');
  loop.enqueue('first');
  assert.equal(last, 'second');
  assert.equal(await state(once), 'resolved');
});

test('a condition that throws rejects with what it threw, and the others are still looked at', async () => {
  let done = false;
  const loop = new Loop<string>(() => {
    done = true;
  }, noop);
  const failure = new Error('never');
  const failing = loop.until(() => {
    if (done) throw failure;
    return false;
  });
  const other = loop.until(() => done);
  loop.enqueue('a');
  await assert.rejects(failing, failure);
  await other;
  // The condition is not asked again: it would throw once more.
  loop.enqueue('b');
});

test('waits that end together end all', async () => {
  let turns = 0;
  const loop = new Loop<string>(() => {
    turns++;
  }, noop);
  const waits = [1, 2, 1, 2, 1].map((n) => loop.until(() => turns >= n));
  loop.enqueue('a');
  assert.deepEqual(await Promise.all(waits.map(state)), ['resolved', 'pending', 'resolved', 'pending', 'resolved']);
  loop.enqueue('b');
  await Promise.all(waits);
});

test('a wait that begins within a turn is for what comes after it, not for a turn half done', async () => {
  // As in a listener that calls scale(): its change is still in the queue, so the condition must not be judged before.
  let target = 1;
  let waiting: Promise<void> | undefined;
  const loop: Loop<number> = new Loop<number>((turn) => {
    if (turn > 0) target = turn;
    else {
      loop.enqueue(3);
      waiting = loop.until(() => {
        if (target !== 3) throw new Error('overtaken');
        return true;
      });
      // The rejection is handled here, so that a failure of this test is not also an unhandled rejection.
      waiting.catch(noop);
    }
  }, noop);
  loop.enqueue(0);
  await waiting;
});

test('a turn that throws does so to the one that enqueued it, and the loop goes on', async () => {
  const log: string[] = [];
  const loop: Loop<string> = new Loop<string>((turn) => {
    log.push(turn);
    if (turn === 'bad') {
      loop.enqueue('after');
      throw new Error('defect');
    }
  }, noop);
  const waiting = loop.until(() => log.includes('next'));
  assert.throws(() => loop.enqueue('bad'), /defect/);
  loop.enqueue('next');
  await waiting;
  assert.deepEqual(log, ['bad', 'after', 'next']);
});

test('what a turn or its settling throws is told, and the loop goes on: the next turns, and those who wait', async () => {
  const log: string[] = [];
  const told: unknown[] = [];
  const loop: Loop<string> = new Loop<string>(
    (turn) => {
      log.push(turn);
      if (turn !== 'bad') return;
      loop.enqueue('after');
      throw 'thrown by the turn';
    },
    () => {
      if (log.at(-1) === 'after') throw 'thrown by the settling';
      log.push('settled');
    },
    (error) => told.push(error),
  );
  const waiting = loop.until(() => log.includes('after'));
  loop.enqueue('bad');
  loop.enqueue('next');
  await waiting;
  // The loop settles what a turn did before it failed.
  assert.deepEqual(log, ['bad', 'settled', 'after', 'next', 'settled']);
  assert.deepEqual(told, ['thrown by the turn', 'thrown by the settling']);
});
