import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import type { Acceptor } from '../../../../build/worker/accept/acceptor.js';
import { Admission } from '../../../../build/worker/admission/admission.js';
import { eventually } from '../../../helpers/wait.js';

/** An acceptor with one place. Its connections are known by their names. */
class OnePlace {
  readonly connections = new Set<Socket>();
  placed: string | undefined;
  isOpen = true;
  readonly destroyed: string[] = [];
  readonly admission: Admission;
  /** The clock, and how long the event loop has been idle. Milliseconds. */
  now = 1_000;
  idle = 0;

  constructor(limit: number) {
    const destroy = (socket: Socket): void => void socket.destroy();
    const time = { now: () => this.now, idle: () => this.idle };
    this.admission = new Admission(this as unknown as Acceptor, limit, { dismiss: destroy, forget: destroy }, time);
  }

  get hasRoom(): boolean {
    return this.placed === undefined;
  }

  enter(socket: Socket): void {
    assert.equal(this.placed, undefined, 'two have a place');
    this.placed = String(socket);
  }

  shut(): void {
    if (!this.hasRoom) this.isOpen = false;
  }

  places(socket: Socket): boolean {
    return this.placed === String(socket);
  }

  pass(from: Socket, to: Socket): void {
    assert.ok(this.places(from));
    this.placed = String(to);
  }

  leave(socket: Socket): void {
    if (!this.places(socket)) return;
    this.placed = undefined;
    this.isOpen = true;
  }

  /** A client connects and is accepted. */
  accept(name: string): Socket {
    const destroy = (): void => {
      this.destroyed.push(name);
      // A connection closes in a later turn.
      setImmediate(() => {
        this.connections.delete(socket);
        this.admission.end(socket);
      });
    };
    const socket = { toString: () => name, destroy } as unknown as Socket;
    this.enter(socket);
    this.shut();
    this.connections.add(socket);
    this.admission.welcome(socket);
    return socket;
  }
}

/** Accepts a client that stays silent until it has lost its place. */
async function park(acceptor: OnePlace, name: string): Promise<Socket> {
  const socket = acceptor.accept(name);
  await eventually(() => acceptor.placed !== name, `the end of the grace for ${name}`);
  // A client that comes now has not waited in the accept queue meanwhile.
  acceptor.now += 2;
  return socket;
}

/** Connections with a request that has not been answered. */
const busy = new WeakMap<OnePlace, Set<Socket>>();

interface Wish {
  readonly name?: string;
  readonly gone?: boolean;
  /** The request is answered at once. */
  readonly quick?: boolean;
}

/** A request comes on a connection. `started` gets its title when it starts, or that it was dropped. */
function request(
  acceptor: OnePlace,
  socket: Socket,
  started: string[],
  { name, gone = false, quick = false }: Wish = {},
): void {
  const others = busy.get(acceptor) ?? new Set();
  busy.set(acceptor, others);
  const behind = others.has(socket);
  others.add(socket);
  const title = name ?? String(socket);
  const applicant = {
    // Returns whether the answer is still to come.
    start: () => started.push(title) > 0 && !quick,
    isGone: () => gone,
    drop: () => void started.push(`${title} dropped`),
  };
  acceptor.admission.request(socket, applicant, behind);
}

/** The answer has been sent. */
function answer(acceptor: OnePlace, socket: Socket): void {
  busy.get(acceptor)?.delete(socket);
  acceptor.admission.keep(socket);
}

/** Waits for a turn of the event loop, and for one more. */
async function turn(): Promise<void> {
  for (let count = 0; count < 3; count++) await new Promise(setImmediate);
}

test('the request of a newcomer starts in the place that it has', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  request(acceptor, acceptor.accept('A'), started);
  assert.deepEqual([started, acceptor.placed], [['A'], 'A']);
});

test('a silent newcomer gives its place up, and gets it back with its request', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const socket = await park(acceptor, 'A');
  assert.equal(acceptor.placed, undefined);
  request(acceptor, socket, started);
  assert.deepEqual([started, acceptor.placed], [['A'], 'A']);
});

test('a newcomer whose request is here keeps its place, however long the process had no CPU', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const socket = acceptor.accept('A');
  await new Promise(setImmediate);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  // The grace is over with the timers of this turn. What has come is read after them.
  await new Promise(setImmediate);
  assert.equal(acceptor.placed, 'A');
  request(acceptor, socket, started);
  assert.deepEqual([started, acceptor.placed], [['A'], 'A']);
});

test('each of a crowd of silent ones gives its place up', async () => {
  const acceptor = new OnePlace(100);
  for (let count = 1; count <= 40; count++) await park(acceptor, `silent ${count}`);
  assert.deepEqual([acceptor.placed, acceptor.connections.size, acceptor.destroyed], [undefined, 40, []]);
});

/** For how many of this many silent newcomers the place waits. Between them, other clients are served at once. */
async function waits(acceptor: OnePlace, count: number): Promise<number> {
  let waited = 0;
  for (let index = 0; index < count; index++) {
    const other = acceptor.accept('other');
    request(acceptor, other, []);
    answer(acceptor, other);
    const name = `silent ${index}`;
    acceptor.accept(name);
    await turn();
    if (acceptor.placed !== name) continue;
    waited++;
    await eventually(() => acceptor.placed !== name, `the end of the grace for ${name}`);
  }
  return waited;
}

test('of silent ones that come between the requests of others, one has the place wait for long, and a few shortly', async () => {
  // This is only an upper limit: on a busy machine, a turn may take as long as the place waits.
  assert.ok((await waits(new OnePlace(100), 30)) <= 11);
});

test('requests that wait start in the order of their heads, one at a time', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  const c = acceptor.accept('C');
  request(acceptor, c, started);
  request(acceptor, b, started);
  request(acceptor, a, started);
  assert.deepEqual([started, acceptor.placed], [['C'], 'C']);
  answer(acceptor, c);
  await turn();
  assert.deepEqual([started, acceptor.placed], [['C', 'B'], 'B']);
  // B's connection closes.
  acceptor.admission.end(b);
  assert.deepEqual([started, acceptor.placed], [['C', 'B', 'A'], 'A']);
});

test('the second of two requests of one connection starts after the first, and after those that waited before', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  request(acceptor, a, started, { name: 'first' });
  request(acceptor, b, started);
  request(acceptor, a, started, { name: 'second' });
  assert.deepEqual(started, ['first']);
  answer(acceptor, a);
  await turn();
  assert.deepEqual([started, acceptor.placed], [['first', 'B'], 'B']);
  answer(acceptor, b);
  assert.deepEqual([started, acceptor.placed], [['first', 'B', 'second'], 'A']);
});

test('what a connection that closes has asked for is forgotten', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  const c = acceptor.accept('C');
  for (const socket of [c, a, b]) request(acceptor, socket, started);
  acceptor.admission.end(a);
  assert.equal(acceptor.placed, 'C');
  answer(acceptor, c);
  await turn();
  assert.deepEqual(started, ['C', 'A dropped', 'B']);
});

test('above the limit, those that have been silent for longest are closed', async () => {
  const acceptor = new OnePlace(3);
  for (const name of ['A', 'B', 'C', 'D', 'E']) await park(acceptor, name);
  await eventually(() => acceptor.connections.size === 3, '3 connections');
  assert.deepEqual(acceptor.destroyed, ['A', 'B']);
});

test('a connection that is on its way out counts no more', async () => {
  const acceptor = new OnePlace(2);
  const started: string[] = [];
  const leaving = acceptor.accept('leaving');
  request(acceptor, leaving, started);
  acceptor.admission.release(leaving);
  assert.equal(acceptor.placed, undefined);
  for (const name of ['A', 'B']) await park(acceptor, name);
  assert.deepEqual([acceptor.connections.size, acceptor.destroyed], [3, []]);
});

test('above the limit, a connection that is kept counts as a silent one', async () => {
  const acceptor = new OnePlace(2);
  const started: string[] = [];
  for (const name of ['A', 'B', 'C', 'D']) {
    const socket = acceptor.accept(name);
    request(acceptor, socket, started);
    answer(acceptor, socket);
  }
  await eventually(() => acceptor.connections.size <= 2, '2 connections');
  assert.deepEqual(
    [started, acceptor.destroyed],
    [
      ['A', 'B', 'C', 'D'],
      ['A', 'B'],
    ],
  );
});

test('above the limit, a request that waits for its place is not given up', async () => {
  const acceptor = new OnePlace(2);
  const started: string[] = [];
  const a = await park(acceptor, 'A');
  await park(acceptor, 'B');
  // When the request comes, the newcomer has the place for the moment of its grace.
  const newcomer = acceptor.accept('C');
  request(acceptor, a, started);
  assert.deepEqual(started, []);
  await eventually(() => !acceptor.places(newcomer), 'the end of the grace');
  await turn();
  assert.deepEqual([started, acceptor.destroyed], [['A'], ['B']]);
});

test('a request that had to wait begins when the event loop has turned, if the one before took its time', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b, c] = [await park(acceptor, 'A'), await park(acceptor, 'B'), await park(acceptor, 'C')];
  request(acceptor, a, started);
  request(acceptor, b, started);
  request(acceptor, c, started);
  acceptor.now += 2;
  answer(acceptor, a);
  assert.deepEqual([started, acceptor.placed], [['A'], 'B']);
  await turn();
  assert.deepEqual(started, ['A', 'B']);
  // That turn of the loop has told of all clients whether they are still there.
  answer(acceptor, b);
  assert.deepEqual([started, acceptor.placed], [['A', 'B', 'C'], 'C']);
});

test('nobody is accepted for a place that is taken by a request which begins later', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [first, second] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  request(acceptor, first, started, { quick: true });
  // The answer ends within this turn of the event loop. To stop accepting for it would cost more.
  assert.equal(acceptor.isOpen, true);
  request(acceptor, second, started);
  acceptor.now += 2;
  answer(acceptor, first);
  assert.deepEqual([started, acceptor.placed, acceptor.isOpen], [['A'], 'B', false]);
  await turn();
  assert.deepEqual(started, ['A', 'B']);
  answer(acceptor, second);
  assert.equal(acceptor.isOpen, true);
});

test('the request of a client that has left is not begun', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b, c] = [await park(acceptor, 'A'), await park(acceptor, 'B'), await park(acceptor, 'C')];
  request(acceptor, a, started);
  request(acceptor, b, started, { gone: true });
  request(acceptor, c, started);
  acceptor.now += 2;
  answer(acceptor, a);
  await turn();
  assert.deepEqual([started, acceptor.placed, acceptor.destroyed], [['A', 'B dropped', 'C'], 'C', ['B']]);
});

test('a newcomer from behind a slow request may have left: its request begins when the event loop has turned', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const c = await park(acceptor, 'C');
  const first = acceptor.accept('A');
  request(acceptor, first, started);
  acceptor.now += 2;
  acceptor.admission.end(first);
  request(acceptor, acceptor.accept('B'), started, { gone: true });
  request(acceptor, c, started);
  await turn();
  assert.deepEqual([started, acceptor.destroyed], [['A', 'B dropped', 'C'], ['B']]);
});

test('who waited for a slow request is suspected also behind one that was not as slow, until the event loop has had a rest', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const serve = (name: string, duration: number, wish: Wish = {}): void => {
    const socket = acceptor.accept(name);
    request(acceptor, socket, started, wish);
    acceptor.now += duration;
    acceptor.admission.end(socket);
  };
  serve('slow', 1_000);
  const second = acceptor.accept('B');
  request(acceptor, second, started);
  await turn();
  acceptor.now += 2;
  acceptor.admission.end(second);
  acceptor.now += 5;
  request(acceptor, acceptor.accept('C'), started, { gone: true });
  await turn();
  assert.deepEqual([started, acceptor.destroyed], [['slow', 'B', 'C dropped'], ['C']]);
  acceptor.idle += 1;
  serve('D', 2);
  acceptor.now += 5;
  request(acceptor, acceptor.accept('E'), started);
  assert.deepEqual(started.slice(3), ['D', 'E']);
});

test('a connection that closes while its request is about to begin gives the place to the next', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b, c] = [await park(acceptor, 'A'), await park(acceptor, 'B'), await park(acceptor, 'C')];
  for (const socket of [a, b, c]) request(acceptor, socket, started);
  acceptor.now += 2;
  answer(acceptor, a);
  acceptor.admission.end(b);
  await turn();
  assert.deepEqual([started, acceptor.placed], [['A', 'B dropped', 'C'], 'C']);
});

test("after 5 ms the kernel's queue has its turn, though requests wait here", async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  acceptor.now += 20;
  acceptor.idle += 5;
  request(acceptor, a, started);
  request(acceptor, b, started);
  acceptor.now += 5;
  answer(acceptor, a);
  assert.deepEqual([started, acceptor.placed], [['A'], undefined]);
  const newcomer = acceptor.accept('N');
  request(acceptor, newcomer, started);
  await turn();
  answer(acceptor, newcomer);
  await turn();
  assert.deepEqual(started, ['A', 'N', 'B']);
  assert.equal(acceptor.admission.crowd.isWaiting, false);
});

test("when nobody is found in the kernel's queue, the line goes on", async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  request(acceptor, a, started);
  request(acceptor, b, started);
  acceptor.now += 5;
  answer(acceptor, a);
  await turn();
  assert.deepEqual([started, acceptor.placed], [['A', 'B'], 'B']);
});

test("who is here overtakes the kernel's queue no longer than 5 ms, unless the event loop had waited for somebody to come", async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  request(acceptor, a, started);
  acceptor.now += 5;
  answer(acceptor, a);
  // The event loop goes from one request to the next without being idle.
  request(acceptor, b, started);
  assert.deepEqual([started, acceptor.placed], [['A'], undefined]);
  await turn();
  assert.deepEqual(started, ['A', 'B']);
  acceptor.now += 5;
  answer(acceptor, b);
  acceptor.idle += 1;
  request(acceptor, a, started);
  assert.deepEqual(started, ['A', 'B', 'A']);
});

test('a silent newcomer does not let those wait who are here', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  request(acceptor, a, started);
  request(acceptor, b, started);
  acceptor.now += 5;
  answer(acceptor, a);
  acceptor.accept('silent');
  await turn();
  assert.deepEqual([started, acceptor.placed], [['A', 'B'], 'B']);
});

test("a place that is given up early is another's, and the connection is kept when its answer has been sent", async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  request(acceptor, a, started);
  request(acceptor, b, started);
  request(acceptor, a, started, { name: 'behind' });
  acceptor.admission.free(a);
  await turn();
  assert.deepEqual([started, acceptor.placed], [['A', 'B'], 'B']);
  acceptor.admission.free(b);
  assert.equal(acceptor.placed, undefined);
  // The next request of this connection had to wait until the answer had been sent.
  answer(acceptor, a);
  assert.deepEqual([started, acceptor.placed], [['A', 'B', 'behind'], 'A']);
});
