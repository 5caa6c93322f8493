import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import type { Acceptor } from '../../dist/worker/acceptor.js';
import { Admission } from '../../dist/worker/admission.js';

/*
 * Any order of what clients, handlers and time may do, against an acceptor that counts places as the real one does. The
 * examples are in worker-admission.test.ts.
 */

/** Time stands still until the test says so. */
class StoppedTime {
  #armed = false;
  #act: () => void = () => undefined;
  #immediates: (() => void)[] = [];
  readonly #real = { setTimeout: globalThis.setTimeout, setImmediate: globalThis.setImmediate };

  constructor() {
    const timer = { unref: () => timer, refresh: () => this.#arm(timer) };
    const setTimeout = (act: () => void): unknown => {
      this.#act = act;
      return this.#arm(timer);
    };
    Object.assign(globalThis, { setTimeout, setImmediate: (act: () => void) => this.#immediates.push(act) });
  }

  /** All that was to happen later happens. */
  pass(): void {
    while (this.#immediates.length > 0) this.#immediates.shift()?.();
    if (!this.#armed) return;
    this.#armed = false;
    this.#act();
  }

  /** Until nothing more is to happen. */
  end(): void {
    while (this.#armed || this.#immediates.length > 0) this.pass();
  }

  restore(): void {
    Object.assign(globalThis, this.#real);
  }

  #arm<T>(timer: T): T {
    this.#armed = true;
    return timer;
  }
}

interface Request {
  readonly id: number;
  readonly client: Client;
}

interface Client extends Pick<Socket, 'destroy'> {
  readonly requests: Request[];
  destroyed: boolean;
}

/** One place, its clients, and what has become of their requests. */
class World {
  readonly time = new StoppedTime();
  readonly connections = new Set<Client>();
  readonly admission: Admission;
  readonly limit: number;
  placed: Client | undefined;
  active: Request | undefined;
  /** By arrival. */
  waiting: Request[] = [];
  #ids = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.admission = new Admission(this as unknown as Acceptor, limit);
  }

  // What the admission asks of the acceptor.

  get hasRoom(): boolean {
    return this.placed === undefined;
  }

  enter(client: Client): void {
    assert.equal(this.placed, undefined, 'a place is given twice');
    this.placed = client;
  }

  shut(): void {}

  places(client: Client): boolean {
    return this.placed === client;
  }

  pass(from: Client, to: Client): void {
    assert.equal(this.placed, from, 'a place is passed on by one who has none');
    this.placed = to;
  }

  leave(client: Client): void {
    if (this.placed === client) this.placed = undefined;
  }

  // What happens.

  /** It is accepted only while there is room: else it stays in the kernel's queue. */
  connect(): void {
    if (!this.hasRoom) return;
    const client: Client = {
      requests: [],
      destroyed: false,
      destroy: () => {
        assert.equal(client.destroyed, false, 'a connection is destroyed twice');
        assert.deepEqual(client.requests, [], 'a request is given up');
        assert.ok(this.#open > this.limit, `of ${this.#open} connections one is destroyed, and ${this.limit} may be`);
        client.destroyed = true;
        return undefined as never;
      },
    };
    this.enter(client);
    this.connections.add(client);
    this.admission.welcome(client as unknown as Socket);
  }

  request(client: Client): void {
    const request = { id: this.#ids++, client };
    client.requests.push(request);
    // A newcomer has a place of its own: it overtakes those that wait for one.
    if (this.placed === client && this.active === undefined) this.waiting.unshift(request);
    else this.waiting.push(request);
    this.admission.request(client as unknown as Socket, () => {
      assert.equal(this.active, undefined, 'two requests at once');
      assert.equal(this.placed, client, 'a request without a place');
      assert.equal(this.waiting.shift(), request, 'out of order');
      assert.ok(this.connections.has(client), 'a request of a connection that has closed');
      this.active = request;
      return true;
    });
  }

  finish(): void {
    const request = this.active;
    if (!request) return;
    this.active = undefined;
    request.client.requests.splice(request.client.requests.indexOf(request), 1);
    this.admission.keep(request.client as unknown as Socket);
  }

  close(client: Client): void {
    if (this.active?.client === client) this.active = undefined;
    this.waiting = this.waiting.filter((request) => request.client !== client);
    this.connections.delete(client);
    this.admission.end(client as unknown as Socket);
    this.leave(client);
  }

  get #open(): number {
    return [...this.connections].filter(({ destroyed }) => !destroyed).length;
  }

  /** What holds at every moment. */
  check(): void {
    assert.ok(this.waiting.length === 0 || this.placed !== undefined, 'a request waits, and the place is free');
    assert.ok(this.active === undefined || this.placed === this.active.client, 'a request lost its place');
  }
}

type Move = readonly [kind: 'connect' | 'request' | 'finish' | 'close' | 'time', chosen: number];

function act(world: World, [kind, chosen]: Move): void {
  const alive = [...world.connections];
  const client = alive[chosen % Math.max(1, alive.length)];
  if (kind === 'connect') world.connect();
  else if (kind === 'time') world.time.pass();
  else if (kind === 'finish') world.finish();
  else if (kind === 'close' && client) world.close(client);
  else if (kind === 'request' && client && !client.destroyed) world.request(client);
}

const kinds = fc.oneof(
  { weight: 4, arbitrary: fc.constant('connect' as const) },
  { weight: 4, arbitrary: fc.constant('request' as const) },
  { weight: 3, arbitrary: fc.constant('time' as const) },
  { weight: 3, arbitrary: fc.constant('finish' as const) },
  { weight: 1, arbitrary: fc.constant('close' as const) },
);

test('in any order of events: one at a time, in order, no place lost, no request given up', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(kinds, fc.nat(20)), { maxLength: 80 }),
      (limit, moves) => {
        const world = new World(limit);
        try {
          for (const move of moves) {
            act(world, move);
            world.check();
          }
          // When all is over, the place is free, and every request of one who stayed was served.
          world.time.end();
          while (world.active) world.finish();
          world.time.end();
          assert.deepEqual([world.placed, world.waiting], [undefined, []]);
          const idle = [...world.connections].filter(({ destroyed }) => !destroyed).length;
          assert.ok(idle <= limit, `${idle} connections are kept, and ${limit} may be`);
        } finally {
          world.time.restore();
        }
      },
    ),
    { numRuns: 20000 },
  );
});
