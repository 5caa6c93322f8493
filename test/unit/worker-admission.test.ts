import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import type { Acceptor } from '../../dist/worker/acceptor.js';
import { Admission } from '../../dist/worker/admission.js';
import { eventually } from '../helpers/wait.js';

/** An acceptor with one place, and connections that are names. */
class OnePlace {
  readonly connections = new Set<Socket>();
  placed: string | undefined;
  readonly destroyed: string[] = [];
  readonly admission: Admission;

  constructor(limit: number) {
    this.admission = new Admission(this as unknown as Acceptor, limit);
  }

  get hasRoom(): boolean {
    return this.placed === undefined;
  }

  enter(socket: Socket): void {
    assert.equal(this.placed, undefined, 'two have a place');
    this.placed = String(socket);
  }

  /** The place is taken already: that is what the real one looks at. */
  shut(): void {}

  places(socket: Socket): boolean {
    return this.placed === String(socket);
  }

  pass(from: Socket, to: Socket): void {
    assert.ok(this.places(from));
    this.placed = String(to);
  }

  leave(socket: Socket): void {
    if (this.places(socket)) this.placed = undefined;
  }

  /** A client connects. */
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
    this.connections.add(socket);
    this.admission.welcome(socket);
    return socket;
  }
}

/** Accepts a client that stays silent until it has lost its place. */
async function park(acceptor: OnePlace, name: string): Promise<Socket> {
  const socket = acceptor.accept(name);
  await eventually(() => acceptor.placed !== name, `the end of the grace for ${name}`);
  return socket;
}

/** Has a request come on a connection; tells of its start. */
function request({ admission }: OnePlace, socket: Socket, started: string[], name = String(socket)): void {
  // The answer is still to come.
  admission.request(socket, () => started.push(name) > 0);
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
  // The grace is over with the timers of this turn; what has come is read behind them.
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

test('requests that wait start in the order of their heads, one at a time', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  const c = acceptor.accept('C');
  request(acceptor, c, started);
  request(acceptor, b, started);
  request(acceptor, a, started);
  assert.deepEqual([started, acceptor.placed], [['C'], 'C']);
  acceptor.admission.keep(c);
  assert.deepEqual([started, acceptor.placed], [['C', 'B'], 'B']);
  // This one closes.
  acceptor.admission.end(b);
  assert.deepEqual([started, acceptor.placed], [['C', 'B', 'A'], 'A']);
});

test('the second of two requests of one connection starts after the first, and after those that waited before', async () => {
  const acceptor = new OnePlace(10);
  const started: string[] = [];
  const [a, b] = [await park(acceptor, 'A'), await park(acceptor, 'B')];
  request(acceptor, a, started, 'first');
  request(acceptor, b, started);
  request(acceptor, a, started, 'second');
  assert.deepEqual(started, ['first']);
  acceptor.admission.keep(a);
  assert.deepEqual([started, acceptor.placed], [['first', 'B'], 'B']);
  acceptor.admission.keep(b);
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
  acceptor.admission.keep(c);
  assert.deepEqual(started, ['C', 'B']);
});

test('above the limit, those that have been silent for longest are closed', async () => {
  const acceptor = new OnePlace(3);
  for (const name of ['A', 'B', 'C', 'D', 'E']) await park(acceptor, name);
  await eventually(() => acceptor.connections.size === 3, '3 connections');
  assert.deepEqual(acceptor.destroyed, ['A', 'B']);
});

test('above the limit, a connection that is kept counts as a silent one', async () => {
  const acceptor = new OnePlace(2);
  const started: string[] = [];
  for (const name of ['A', 'B', 'C', 'D']) {
    const socket = acceptor.accept(name);
    request(acceptor, socket, started);
    acceptor.admission.keep(socket);
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
  // The place is a newcomer's, for the moment of its grace, when the request comes.
  const newcomer = acceptor.accept('C');
  request(acceptor, a, started);
  assert.deepEqual(started, []);
  await eventually(() => !acceptor.places(newcomer), 'the end of the grace');
  assert.deepEqual([started, acceptor.destroyed], [['A'], ['B']]);
});
