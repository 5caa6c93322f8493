import assert from 'node:assert/strict';
import test from 'node:test';
import { Numbers } from '../../../../build/master/numbers/numbers.js';
import type { WorkerHandle } from '../../../../build/master/workers/worker-handle.js';
import type { MetricsMessage } from '../../../../build/protocol/metrics.js';

/** A worker of age 1 that counts, with the numbers of the questions that it has been asked. */
function serve(): { numbers: Numbers; asked: number[]; tell: (value: number, ask?: number) => void } {
  const asked: number[] = [];
  const worker = { age: 1, exited: false, control: { askNumbers: (ask: number) => asked.push(ask) > 0 } };
  const numbers = new Numbers({} as never, {} as never, { emit: () => assert.fail() as never });
  const tell = (value: number, ask?: number): void => {
    const samples = [{ name: 'hits', labels: {}, value }];
    const metrics = [{ name: 'hits', help: '', type: 'counter', aggregator: 'sum', samples }] as const;
    const message: MetricsMessage = { type: 'metrics', thread: 0, metrics, ...(ask !== undefined && { ask }) };
    numbers.take(worker as unknown as WorkerHandle, message);
  };
  tell(1);
  return { numbers, asked, tell };
}

/** Whether the promise has resolved once all that is under way in this process is over. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false;
  void promise.then(() => {
    over = true;
  });
  await new Promise(setImmediate);
  return over;
}

test('what was on its way before the question is no answer to it, nor is one to an earlier question', async () => {
  const { numbers, asked, tell } = serve();
  const fresh = numbers.refresh();
  assert.deepEqual(asked, [1]);
  tell(2);
  tell(3, 7);
  assert.equal(await isOver(fresh), false);
  tell(4, 1);
  assert.equal(await isOver(fresh), true);
});

test('who asks while others wait has the numbers of the next question, all who do of the same one', async () => {
  const { numbers, asked, tell } = serve();
  const [first, second, third] = [numbers.refresh(), numbers.refresh(), numbers.refresh()];
  tell(2, 1);
  assert.equal(await isOver(first), true);
  assert.deepEqual(asked, [1, 2]);
  assert.deepEqual([await isOver(second), await isOver(third)], [false, false]);
  tell(3, 2);
  assert.deepEqual([await isOver(second), await isOver(third)], [true, true]);
  assert.deepEqual(asked, [1, 2]);
});
