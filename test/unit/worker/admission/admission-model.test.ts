import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import type { Acceptor } from '../../../../build/worker/accept/acceptor.js';
import { Admission } from '../../../../build/worker/admission/admission.js';

/*
 * Any order of what clients, handlers and time may do, against an acceptor that counts places as the real one does. The
 * examples are in admission.test.ts.
 */

/** A clock that stands still until the test moves it. */
class StoppedTime {
  now = 0;
  /** How long the event loop has had nothing to do. */
  idle = 0;
  readonly #armed = new Set<() => void>();
  #immediates: (() => void)[] = [];
  readonly #real = { setTimeout: globalThis.setTimeout, setImmediate: globalThis.setImmediate };

  constructor() {
    const setTimeout = (act: () => void): unknown => {
      const timer = { unref: () => timer, refresh: () => this.#armed.add(act) };
      this.#armed.add(act);
      return timer;
    };
    Object.assign(globalThis, { setTimeout, setImmediate: (act: () => void) => this.#immediates.push(act) });
  }

  /** Runs the check phase of a turn. */
  check(): void {
    for (const act of this.#immediates.splice(0)) act();
  }

  get quiet(): boolean {
    return this.#immediates.length === 0;
  }

  /** Ends the times of all timers that are running. */
  ring(): void {
    const acts = [...this.#armed];
    this.#armed.clear();
    for (const act of acts) act();
  }

  get armed(): boolean {
    return this.#armed.size > 0;
  }

  restore(): void {
    Object.assign(globalThis, this.#real);
  }
}

interface Request {
  readonly id: number;
  readonly client: Client;
}

interface Client {
  /** The requests without an answer, in order. */
  readonly requests: Request[];
  destroyed: boolean;
  /** The client has left, which is known only when somebody looks. */
  gone: boolean;
}

/** As in the admission: after this many milliseconds only a newcomer may have a place. */
const TURN = 5;

/** One place, its clients, and what has become of their requests. */
class World {
  readonly time = new StoppedTime();
  readonly connections = new Set<Client>();
  readonly admission: Admission;
  readonly limit: number;
  placed: Client | undefined;
  active: Request | undefined;
  /** Requests whose handlers have ended the answers, while the answers are still being sent. */
  readonly sending = new Set<Request>();
  readonly dropped: Request[] = [];
  /** The number of clients that nobody has accepted, and since when the first of them has been the first. */
  queue = 0;
  #firstSince = 0;
  /** When the place was last given to a client. */
  #lastGiven = 0;
  #ids = 0;

  constructor(limit: number) {
    this.limit = limit;
    const dismiss = (client: unknown): void => this.#dismiss(client as Client);
    const forget = (client: unknown): void => {
      assert.ok((client as Client).gone, 'one that is there is forgotten');
      (client as Client).destroyed = true;
    };
    const time = { now: () => this.time.now, idle: () => this.time.idle };
    this.admission = new Admission(this as unknown as Acceptor, limit, { dismiss, forget }, time);
  }

  // What the admission asks of the acceptor.

  get hasRoom(): boolean {
    return this.placed === undefined;
  }

  enter(client: Client): void {
    assert.equal(this.placed, undefined, 'a place is given twice');
    this.#give(client);
  }

  shut(): void {}

  places(client: Client): boolean {
    return this.placed === client;
  }

  pass(from: Client, to: Client): void {
    assert.equal(this.placed, from, 'a place is passed on by one who has none');
    this.#give(to);
  }

  #give(client: Client): void {
    // A client that is just being accepted has the place from the accept queue, so it goes past nobody.
    const waited = this.queue > 0 ? this.time.now - Math.max(this.#firstSince, this.#lastGiven) : 0;
    if (this.connections.has(client))
      assert.ok(waited <= TURN, `a place is given past one who has waited for ${waited} ms`);
    this.#lastGiven = this.time.now;
    this.placed = client;
  }

  leave(client: Client): void {
    if (this.placed === client) this.placed = undefined;
  }

  // What may happen.

  /** A client connects: it stays in the accept queue until there is room. */
  connect(): void {
    if (this.queue++ === 0) this.#firstSince = this.time.now;
  }

  /**
   * Time passes within a turn of the event loop. While nobody has the place, nobody is let past those who wait, so this
   * time does not count.
   */
  elapse(milliseconds: number): void {
    this.time.now += milliseconds;
    if (this.placed === undefined) this.#firstSince += milliseconds;
  }

  /**
   * A turn of the event loop: the poll phase, then the check phase. If there is nothing to do, the loop has been idle
   * before.
   */
  turn(): void {
    if (this.time.quiet && this.placed === undefined) this.time.idle += 1;
    if (this.queue > 0 && this.hasRoom) {
      this.queue--;
      this.#firstSince = this.time.now;
      this.#accept();
    }
    this.time.check();
  }

  #accept(): void {
    const client: Client = { requests: [], destroyed: false, gone: false };
    this.enter(client);
    this.connections.add(client);
    this.admission.welcome(client as unknown as Socket);
  }

  request(client: Client): void {
    const request = { id: this.#ids++, client };
    const behind = client.requests.length > 0;
    client.requests.push(request);
    const applicant = {
      start: () => {
        assert.equal(this.active, undefined, 'two requests at once');
        assert.equal(this.placed, client, 'a request without a place');
        assert.equal(client.requests[0], request, 'out of order');
        assert.ok(this.connections.has(client) && !client.destroyed, 'a request of a connection that has closed');
        this.active = request;
        return true;
      },
      isGone: () => client.gone,
      drop: () => {
        assert.ok(
          client.gone || client.destroyed || !this.connections.has(client),
          'a client that is there gets no answer',
        );
        client.requests.splice(client.requests.indexOf(request), 1);
        this.dropped.push(request);
      },
    };
    this.admission.request(client as unknown as Socket, applicant, behind);
  }

  /** The handler has ended its answer, which is still being sent. */
  free(): void {
    const request = this.active;
    if (!request) return;
    this.active = undefined;
    this.sending.add(request);
    this.admission.free(request.client as unknown as Socket);
  }

  /** An answer has been sent. */
  finish(): void {
    const [sent] = this.sending;
    const request = sent ?? this.active;
    if (!request) return;
    if (sent) this.sending.delete(sent);
    else this.active = undefined;
    request.client.requests.shift();
    this.admission.keep(request.client as unknown as Socket);
  }

  close(client: Client): void {
    if (this.active?.client === client) this.active = undefined;
    for (const request of this.sending) if (request.client === client) this.sending.delete(request);
    this.connections.delete(client);
    this.admission.end(client as unknown as Socket);
    this.leave(client);
  }

  /** Goes on until nothing more is to happen. */
  end(): void {
    for (let round = 0; round < 10_000; round++) {
      for (const client of this.connections) if (client.destroyed) this.close(client);
      if (this.active || this.sending.size > 0) this.finish();
      this.turn();
      if (this.time.armed && this.time.quiet) this.time.ring();
      const over = this.time.quiet && !this.time.armed && !this.active && this.sending.size === 0 && this.queue === 0;
      if (over && ![...this.connections].some(({ destroyed }) => destroyed)) return;
    }
    assert.fail('it never ends');
  }

  #dismiss(client: Client): void {
    assert.equal(client.destroyed, false, 'a connection is dismissed twice');
    assert.deepEqual(client.requests, [], 'a request is given up');
    assert.ok(this.#open > this.limit, `of ${this.#open} connections one is dismissed, and ${this.limit} may be`);
    client.destroyed = true;
  }

  get #open(): number {
    return [...this.connections].filter(({ destroyed }) => !destroyed).length;
  }
}

type Kind = 'connect' | 'request' | 'finish' | 'free' | 'close' | 'go' | 'turn' | 'grace' | 'time';
type Move = readonly [kind: Kind, chosen: number];

function act(world: World, [kind, chosen]: Move): void {
  const alive = [...world.connections];
  const client = alive[chosen % Math.max(1, alive.length)];
  if (kind === 'connect') world.connect();
  else if (kind === 'turn') world.turn();
  else if (kind === 'grace') world.time.ring();
  else if (kind === 'time') world.elapse(chosen / 2);
  else if (kind === 'finish') world.finish();
  else if (kind === 'free') world.free();
  else if (kind === 'close' && client) world.close(client);
  else if (kind === 'go' && client) client.gone = true;
  else if (kind === 'request' && client && !client.destroyed && !client.gone) world.request(client);
}

const weights: readonly (readonly [Kind, number])[] = [
  ...([
    ['connect', 4],
    ['request', 6],
    ['turn', 6],
    ['grace', 1],
    ['time', 3],
  ] as const),
  ...([
    ['finish', 4],
    ['free', 1],
    ['close', 1],
    ['go', 1],
  ] as const),
];
const kinds = fc.oneof(...weights.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) })));

test('in any order of events: one at a time, in order, no place lost, nobody given up who is there, nobody kept out for longer than 5 ms and a request', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(kinds, fc.nat(20)), { maxLength: 120 }),
      (limit, moves) => {
        const world = new World(limit);
        try {
          for (const move of moves) act(world, move);
          world.end();
          assert.deepEqual([world.placed, world.queue], [undefined, 0], 'when all is over, the place is free');
          for (const { requests } of world.connections) assert.deepEqual(requests, [], 'a request was never served');
          assert.ok(world.dropped.every(({ client }) => client.gone || !world.connections.has(client)));
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
