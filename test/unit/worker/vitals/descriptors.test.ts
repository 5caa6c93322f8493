import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Descriptors } from '../../../../dist/worker/vitals/descriptors.js';

/** A process with a limit of descriptors, and an acceptor in it. */
class World {
  readonly taken = new Set<number>();
  readonly warnings: string[] = [];
  readonly errors: Error[] = [];
  readonly connections = new Set<number>();
  shut = false;
  glances = 0;
  readonly watch: Descriptors;

  constructor(t: TestContext, limit: number | undefined, used = 20, sized = true) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
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
    });
    this.watch.add({
      connections: this.connections,
      shutFor: (shortage) => {
        this.shut = shortage;
      },
    });
    this.watch.watch(
      { warn: (message) => this.warnings.push(message), replace: (error) => this.errors.push(error) },
      1,
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

/** On older systems a glance sees the lowest number that is free. */
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

test('of many requests a few are looked at, a millisecond apart on average, and the last one soon', (t) => {
  const world = new World(t, 100);
  const { glances } = world;
  for (let request = 0; request < 1_000; request++) world.watch.look(1_000 + request / 100);
  assert.ok(world.glances - glances >= 10 && world.glances - glances <= 21, `${world.glances - glances} looks`);
  while (world.taken.size < 100) world.open();
  world.watch.look(1_009.99);
  assert.equal(world.shut, false);
  t.mock.timers.tick(1);
  assert.deepEqual([world.shut, world.errors.length], [true, 1]);
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
