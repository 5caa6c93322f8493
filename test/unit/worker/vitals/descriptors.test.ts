import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { Descriptors } from '../../../../build/worker/vitals/descriptors.js';

/** A process with a limit of descriptors, and an acceptor in it. */
class World {
  readonly taken = new Set<number>();
  readonly warnings: string[] = [];
  readonly errors: Error[] = [];
  readonly connections = new Set<number>();
  shut = false;
  glances = 0;
  /** Functions that wait until the event loop polls. */
  polls: (() => void)[] = [];
  readonly watch: Descriptors;

  constructor(t: TestContext | undefined, limit: number | undefined, used = 20, sized = true, threads = 1) {
    t?.mock.timers.enable({ apis: ['setTimeout'] });
    const max = limit ?? Number.POSITIVE_INFINITY;
    for (let fd = 0; fd < used; fd++) this.taken.add(fd);
    this.watch = new Descriptors({
      limit: () => limit,
      counter: () => ({
        glance: () =>
          ++this.glances && sized ? this.taken.size : this.taken.size >= max ? Number.POSITIVE_INFINITY : this.free,
        read: () => this.taken.size,
      }),
      describe: () => 'all files',
      hold: (count) => Array.from({ length: count }, () => this.open()),
      close: (fd) => void this.taken.delete(fd),
      afterPoll: (act) => void this.polls.push(act),
    });
    this.watch.add({
      connections: this.connections,
      shutFor: (shortage) => {
        this.shut = shortage;
      },
    });
    this.watch.watch(
      { warn: (message) => this.warnings.push(message), replace: (error) => this.errors.push(error) },
      threads,
    );
  }

  get free(): number {
    let fd = 0;
    while (this.taken.has(fd)) fd++;
    return fd;
  }

  open(): number {
    const fd = this.free;
    this.taken.add(fd);
    return fd;
  }

  /** Opens as many descriptors as there are. */
  openAll(limit = 100): void {
    while (this.taken.size < limit) this.open();
  }

  poll(): void {
    for (const act of this.polls.splice(0)) act();
  }

  accept(): void {
    const fd = this.open();
    this.connections.add(fd);
    this.watch.opened(fd);
  }

  leave(count: number): void {
    for (const fd of [...this.connections].slice(0, count)) {
      this.connections.delete(fd);
      this.taken.delete(fd);
    }
  }
}

/** On older systems, a glance sees the lowest number that is free. */
for (const sized of [true, false]) {
  test(`a leak is noticed while some are left, and told once with what they are, ${sized ? 'by a count' : 'by a number'}`, (t) => {
    const world = new World(t, 100, 20, sized);
    for (let request = 0; request < 80 && !world.shut; request++) {
      world.accept();
      world.open();
      world.watch.look(request);
      world.leave(1);
    }
    assert.ok(world.shut);
    assert.ok(world.taken.size < 95, `${world.taken.size} of 100 are open`);
    const [error, ...more] = world.errors as NodeJS.ErrnoException[];
    assert.deepEqual([error?.code, more, world.warnings], ['ERR_WORKER_DESCRIPTORS', [], []]);
    assert.match(error?.message ?? '', /: \d\d of 100 descriptors are open: all files$/);
  });
}

test('connections that come without requests are noticed by their numbers', (t) => {
  const world = new World(t, 100, 70);
  while (!world.shut) world.accept();
  assert.ok(world.taken.size < 95, `${world.taken.size} of 100 are open`);
});

test('one that takes all between two connections is noticed at the end of its request, and what was held is free then', (t) => {
  const world = new World(t, 100);
  world.accept();
  while (world.taken.size < 100) world.open();
  world.watch.look(5);
  assert.deepEqual([world.shut, world.errors.length, world.taken.size], [true, 1, 98]);
});

test('one without connections and requests is noticed within a second', (t) => {
  const world = new World(t, 100);
  while (world.taken.size < 90) world.open();
  t.mock.timers.tick(1_000);
  assert.deepEqual([world.shut, world.errors.length], [true, 1]);
});

test('far from the limit there is a look in ten milliseconds, and none in the turns of the event loop', (t) => {
  const world = new World(t, 100_000);
  const { glances } = world;
  for (let request = 0; request < 1_000; request++) world.watch.look(1_000 + request / 10);
  assert.equal(world.glances - glances, 10);
  assert.equal(world.polls.length, 0);
});

test('near the limit there is a look as soon as what was left can have been used up', (t) => {
  const world = new World(t, 100);
  world.watch.look(1_000);
  const { glances } = world;
  // 58 descriptors were left until they count as short, and 2,500 can be opened in a millisecond.
  for (let step = 0; step < 58; step++) world.watch.look(1_000 + step / 2_500);
  assert.equal(world.glances, glances);
  world.openAll();
  world.watch.look(1_000.0236);
  assert.deepEqual([world.glances, world.shut], [glances + 1, true]);
});

test('whatever is opened between the looks, in no more than the time that it takes, there is always one to accept with', () => {
  const step = fc.tuple(
    fc.double({ min: 0, max: 2, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat(9),
  );
  fc.assert(
    fc.property(fc.integer({ min: 40, max: 3_000 }), fc.array(step, { maxLength: 200 }), (limit, steps) => {
      const world = new World(undefined, limit);
      let now = 1_000;
      for (const [pause, share, shape] of steps) {
        // Mostly short times, so that what is opened is near the limits of what can be had in that time.
        const time = pause / 10 ** (shape % 5);
        now += time;
        const most = Math.min(limit - world.taken.size, Math.floor(time * 2_500 * share));
        for (let count = 0; count < most; count++) world.open();
        world.watch.look(now);
        if (world.shut) return;
        assert.ok(world.taken.size < limit);
      }
    }),
  );
});

test('where few are left, each turn of the event loop brings a look, whoever has opened them', (t) => {
  const world = new World(t, 100);
  world.poll();
  world.poll();
  assert.deepEqual([world.shut, world.polls.length], [false, 1]);
  world.openAll();
  world.poll();
  assert.deepEqual([world.shut, world.errors.length, world.polls.length], [true, 1, 1]);
});

/** Two threads of a process. Here, each has a table of descriptors of its own, and that of the second is never full. */
function threads(t: TestContext): { readonly one: World; readonly other: World; spread: number } {
  const shortages = new Int32Array(new SharedArrayBuffer(4));
  const pair = { one: new World(t, 100), other: new World(undefined, 100), spread: 0 };
  pair.one.watch.share(shortages, () => pair.spread++);
  pair.other.watch.share(shortages, () => pair.spread++);
  return pair;
}

test('what one thread finds stops each other at the next connection that it accepts, or at the next word or look, each time', (t) => {
  const pair = threads(t);
  const { one, other } = pair;
  other.watch.look(1_000);
  for (const hear of [
    () => other.watch.look(1_000),
    () => {
      other.accept();
      other.watch.look(1_000);
    },
    () => other.watch.hear(),
  ]) {
    pair.spread = 0;
    one.openAll();
    one.watch.look(2_000);
    assert.deepEqual([one.shut, other.shut, pair.spread], [true, false, 1]);
    hear();
    assert.deepEqual([other.shut, pair.spread], [true, 1], 'and tells nobody');
    other.watch.hear();
    for (let fd = 40; fd < 100; fd++) one.taken.delete(fd);
    t.mock.timers.tick(100);
    assert.deepEqual([one.shut, other.shut], [false, false]);
    other.watch.hear();
    assert.equal(other.shut, false, 'an old word');
  }
});

test('each of several threads holds one for each of them, as far as there is room, and gives them back', (t) => {
  for (const [limit, count, held] of [
    [1_000, 1, 2],
    [1_000, 6, 6],
    [120, 6, 4],
    [60, 6, 2],
  ] as const) {
    const world = new World(t, limit, 20, true, count);
    t.mock.timers.reset();
    assert.equal(world.taken.size, 20 + held);
    world.openAll(limit);
    world.watch.look(5);
    assert.equal(world.taken.size, limit - held);
  }
});

test('the last clients are let in down to the last descriptors, and none beyond', (t) => {
  const world = new World(t, 100);
  world.openAll(90);
  world.watch.look(0);
  assert.deepEqual([world.shut, world.taken.size], [true, 88]);
  world.watch.letInLast();
  t.mock.timers.tick(1);
  assert.equal(world.shut, false);
  while (!world.shut) world.accept();
  assert.equal(world.taken.size, 99);
  world.leave(1);
  t.mock.timers.tick(100);
  assert.equal(world.shut, true, 'one to spare');
  world.leave(1);
  t.mock.timers.tick(100);
  assert.equal(world.shut, false);
});

test('where none are left the last clients are not let in either', (t) => {
  const world = new World(t, 100);
  world.openAll();
  world.watch.letInLast();
  world.openAll();
  world.watch.look(0);
  t.mock.timers.tick(5_000);
  assert.equal(world.shut, true);
});

test('a hole among the low numbers is no sign that there are enough again', (t) => {
  const world = new World(t, 100);
  while (world.taken.size < 100) world.open();
  world.watch.look(0);
  world.taken.delete(30);
  t.mock.timers.tick(1_000);
  assert.equal(world.shut, true);
  for (let fd = 30; fd < 60; fd++) world.taken.delete(fd);
  t.mock.timers.tick(100);
  assert.equal(world.shut, false);
  while (world.taken.size < 100) world.open();
  world.watch.look(3_000);
  assert.deepEqual([world.shut, world.errors.length], [true, 1], 'shut again, and told once');
});

test('where clients have most of them, it waits until some have left', (t) => {
  const world = new World(t, 100, 10);
  while (!world.shut) world.accept();
  assert.deepEqual([world.errors.length, world.warnings.length], [0, 1]);
  assert.match(world.warnings[0] ?? '', /Most are clients/);
  world.leave(5);
  t.mock.timers.tick(100);
  assert.equal(world.shut, true);
  world.leave(50);
  t.mock.timers.tick(100);
  assert.equal(world.shut, false);
});

test('the system has refused to accept', (t) => {
  const world = new World(t, 100);
  world.watch.ranOut();
  assert.deepEqual([world.shut, world.errors.length], [true, 1]);
});

test('a worker that begins with hardly any is not replaced by another such one', (t) => {
  const world = new World(t, 100, 95);
  assert.equal(world.warnings.length, 1);
  world.accept();
  world.accept();
  t.mock.timers.tick(5_000);
  assert.deepEqual([world.shut, world.errors.length], [false, 0]);
});

test('where nobody knows the limit, nothing is watched', (t) => {
  const world = new World(t, undefined);
  while (world.taken.size < 5_000) world.open();
  world.accept();
  world.watch.look(5);
  assert.deepEqual([world.shut, world.glances], [false, 0]);
});
