import assert from 'node:assert/strict';
import test from 'node:test';
import { Dismissals } from '../../../../build/master/crew/dismissals.js';

class FakeWorker {
  leaving = false;
  booted = true;
  provenAt: number | undefined = 0;
  readonly orders: string[] = [];
  order(order: string): void {
    this.orders.push(order);
  }
}

function crew(count: number) {
  const workers = Array.from({ length: count }, () => new FakeWorker());
  const dismissals = new Dismissals<FakeWorker>((worker) => {
    worker.leaving = true;
  }, 1_000);
  const settle = (now: number, ending = false): number | undefined => dismissals.settle(workers, now, ending);
  const orders = (): string[] => workers.map((worker) => worker.orders.join());
  return { workers, dismissals, settle, orders };
}

test('one that is meant alone leaves when it is known that the others are not', () => {
  const { workers, dismissals, settle, orders } = crew(2);
  const [first] = workers as [FakeWorker];
  dismissals.ask(first, 0);
  // If the worker asks again, it is not answered any later.
  dismissals.ask(first, 50);
  assert.equal(settle(60), 100);
  assert.deepEqual([first.leaving, orders()], [false, ['', '']]);
  assert.equal(settle(100), undefined);
  assert.deepEqual([first.leaving, orders()], [true, ['drain', '']]);
});

test('if all are to end, all stay until they are told more', () => {
  const { workers, dismissals, settle, orders } = crew(2);
  for (const worker of workers) dismissals.ask(worker, 0);
  assert.equal(settle(10, true), undefined);
  assert.deepEqual(
    [workers.map(({ leaving }) => leaving), orders()],
    [
      [false, false],
      ['stay', 'stay'],
    ],
  );
});

test('the last one that serves stays until another one does', () => {
  const { workers, dismissals, settle, orders } = crew(1);
  const [last] = workers as [FakeWorker];
  dismissals.ask(last, 0);
  assert.equal(settle(100), 1_100);
  assert.deepEqual([last.leaving, dismissals.keeps(last), orders()], [true, true, ['']]);
  const next = new FakeWorker();
  workers.push(next);
  // The new worker boots, and then it is on trial.
  Object.assign(next, { booted: false, provenAt: undefined });
  settle(200);
  Object.assign(next, { booted: true, provenAt: 400 });
  settle(300);
  assert.deepEqual(orders(), ['', '']);
  assert.equal(settle(400), undefined);
  assert.deepEqual([dismissals.keeps(last), orders()], [false, ['drain', '']]);
});

test('all of them, one after the other: none leaves before another one serves', () => {
  const { workers, dismissals, settle, orders } = crew(2);
  for (const worker of workers) dismissals.ask(worker, 0);
  settle(100);
  assert.deepEqual(
    [workers.map(({ leaving }) => leaving), orders()],
    [
      [true, true],
      ['', ''],
    ],
  );
  workers.push(new FakeWorker());
  settle(200);
  assert.deepEqual(orders(), ['drain', 'drain', '']);
});

test('the last one does not stay for ever', () => {
  const { workers, dismissals, settle, orders } = crew(1);
  dismissals.ask(workers[0] as FakeWorker, 0);
  settle(100);
  assert.equal(settle(1_100), undefined);
  assert.deepEqual(orders(), ['drain']);
});

test('one that boots is told at once, one that leaves or has ended is told nothing', () => {
  const { workers, dismissals, settle, orders } = crew(3);
  const [boots, leaves, ended] = workers as [FakeWorker, FakeWorker, FakeWorker];
  Object.assign(boots, { booted: false, provenAt: undefined });
  leaves.leaving = true;
  for (const worker of workers) dismissals.ask(worker, 0);
  workers.pop();
  assert.equal(settle(100), undefined);
  assert.deepEqual([orders(), ended.orders, boots.leaving], [['drain', ''], [], false]);
});
