import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { noteIdle } from '../../../../build/worker/connections/connection.js';
import { type Departing, Lingering } from '../../../../build/worker/connections/lingering.js';
import { Connection, StoppedWorld, TICK } from '../../../helpers/lingering-world.js';

/*
 * Any order of what clients, handlers, the system and time may do to connections that are closed. early-answers.test.ts
 * tests what really arrives.
 */

const SERVING = { time: 30_000, silence: 5_000 };
const DRAINING = { time: 5_000, silence: 2_000 };
const BYTES = 1.1 * 2 ** 30;

class Model {
  readonly world = new StoppedWorld();
  readonly open = new Set<Connection>();
  readonly lingering: Lingering;
  readonly #limit: number;
  #limits = SERVING;
  #deadline = Number.POSITIVE_INFINITY;
  /** How much each lingering connection had read when it began to linger, and when that was. */
  readonly #stays = new Map<Connection, { read: number; at: number }>();

  constructor(limit: number) {
    this.#limit = limit;
    const release = (socket: Socket): void => void (socket as unknown as Connection).released++;
    this.lingering = new Lingering({ limit, open: () => this.open.size, release });
    this.world.before = () => {
      for (const each of this.open) {
        if (each.isSending) each.send(1);
        each.seen = each.bytesRead;
      }
    };
    // If the whole request has come, the system has all of the answer when the answer ends, and takes the FIN.
    this.world.poll = () => {
      for (const each of this.open) if (each.incoming.complete && each.closing) each.take();
    };
    this.world.after = () => {
      for (const [each, { read }] of this.#stays) {
        const isTooMuch = each.writableFinished && !each.destroyed && each.seen - read > BYTES;
        assert.equal(isTooMuch, false, `${each.seen - read} bytes are read`);
      }
      const late = this.world.now > this.#deadline && [...this.#stays.keys()].some(({ destroyed }) => !destroyed);
      assert.equal(late, false, 'one lingers behind the time of a drain');
    };
    const trim = this.lingering.trim.bind(this.lingering);
    this.lingering.trim = () => {
      this.check();
      const { size } = this.lingering;
      const room = Math.max(8, this.#limit / 16, this.#limit - (this.open.size - size));
      trim();
      for (const each of this.#stays.keys()) if (each.destroyed) this.#stays.delete(each);
      assert.equal(this.lingering.size, Math.min(size, Math.floor(room)), `of ${size} there is room for ${room}`);
    };
  }

  accept(complete: boolean): void {
    const connection = new Connection(this.world, complete);
    this.open.add(connection);
    connection.on('close', () => {
      this.open.delete(connection);
      const hasSent = connection.bytesRead > connection.readBefore && !connection.left;
      if (hasSent) assert.equal(connection.hasLingered, true, 'one is closed while its client sends');
    });
    noteIdle(connection as unknown as Socket, this.world.now);
    this.lingering.guard(connection as unknown as Departing);
    this.lingering.trim();
    this.check();
  }

  hurry(): void {
    if (this.#limits === DRAINING) return;
    this.#limits = DRAINING;
    this.#deadline = this.world.now + 8_000;
    this.lingering.hurry(10_000);
  }

  has(connection: Connection): boolean {
    return this.lingering.has(connection as unknown as Socket);
  }

  /** Called after each move, and before connections go for which there is no room. */
  check(): void {
    const { now } = this.world;
    for (const each of this.open) {
      if (!this.has(each) || this.#stays.has(each)) continue;
      each.hasLingered = true;
      this.#stays.set(each, { read: each.bytesRead, at: now });
    }
    for (const [each, { read, at }] of this.#stays) {
      if (each.destroyed) {
        this.#stays.delete(each);
        if (!each.left) this.#checkReason(each, read, at);
      } else if (each.writableFinished) {
        const since = now - Math.max(each.takenAt, at);
        assert.ok(since <= SERVING.time + 2 * TICK, `one lingers for ${since} ms`);
        const silent = now - Math.max(each.takenAt, each.lastRead, at);
        assert.ok(silent <= 2 * (SERVING.silence + 2 * TICK), `one is silent for ${silent} ms`);
      }
    }
  }

  #checkReason(each: Connection, read: number, at: number): void {
    const closedAt = each.closedAt ?? 0;
    const isOver = closedAt >= this.#deadline || closedAt - Math.max(at, each.takenAt) > this.#limits.time;
    if (isOver) return;
    assert.ok(each.writableFinished, 'one is closed before its answer was taken');
    const isSilent = closedAt - Math.max(each.lastRead, at) > this.#limits.silence;
    assert.ok(each.readableEnded || isSilent || each.bytesRead - read > BYTES, 'one is closed that still sends');
  }

  /** Every connection that was answered is gone after all that may be waited for. */
  end(): void {
    for (let round = 0; round < 3; round++) {
      this.world.turn();
      for (const each of this.open) each.take();
      this.world.pass(SERVING.time + 2 * TICK);
      this.world.turn();
      this.check();
    }
    for (const each of this.open) assert.equal(each.closing, false, 'one is open for ever');
    assert.deepEqual([this.lingering.size, this.world.interval], [0, undefined]);
  }
}

type Kind =
  | 'accept'
  | 'part'
  | 'send'
  | 'much'
  | 'finish'
  | 'leave'
  | 'take'
  | 'answer'
  | 'pause'
  | 'turn'
  | 'time'
  | 'hurry';
type Move = readonly [kind: Kind, chosen: number];
const WEIGHTS: Readonly<Record<Kind, number>> = {
  ...{
    accept: 3,
    part: 12,
    send: 6,
    much: 1,
    stream: 2,
    finish: 2,
    leave: 1,
    take: 5,
    answer: 16,
    pause: 1,
    turn: 5,
    time: 6,
  },
  hurry: 0.2,
} as never;

function act(model: Model, [kind, chosen]: Move, all: Connection[]): void {
  const { world } = model;
  const one = all[chosen % Math.max(1, all.length)];
  if (kind === 'accept' || kind === 'part') model.accept(kind === 'accept');
  else if (kind === 'turn') world.turn();
  // Mostly less time than any connection is waited for, now and then more.
  else if (kind === 'time') world.pass(chosen % 5 === 0 ? chosen * 300 : chosen / 4);
  else if (kind === 'hurry') model.hurry();
  else if (kind === 'send') one?.send(1 + chosen);
  else if (kind === 'much') one?.send(2 ** 29);
  else if (kind === 'answer') {
    if (!one || one.closing) return;
    one.answer();
    if (!model.has(one)) return;
    assert.ok(one.writableEnded, 'one lingers, and its own side is open');
    assert.ok(one.incoming.readableFlowing || !one.isPaused(), 'nobody reads what one sends');
  } else one?.[kind]();
}

test('in any order of events: who is answered and sends is read until its end, within bounds of time, silence, bytes and number', () => {
  const kinds = fc.oneof(
    ...Object.entries(WEIGHTS).map(([kind, weight]) => ({
      weight: weight * 5,
      arbitrary: fc.constant(kind as Kind),
    })),
  );
  const moves = fc.array(fc.tuple(kinds, fc.nat(40)), { minLength: 50, maxLength: 200, size: 'max' });
  let lingered = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), moves, (limit, moves) => {
      const model = new Model(limit);
      try {
        for (const move of moves) {
          act(model, move, [...model.open]);
          lingered += model.lingering.size;
          model.check();
        }
        model.end();
      } finally {
        model.world.restore();
      }
    }),
    { numRuns: 3_000 },
  );
  assert.ok(lingered > 10_000, `${lingered} were seen to linger`);
});

test('one whose application has taken all listeners off it is forgotten when it has closed, and nobody looks any more', () => {
  const world = new StoppedWorld();
  try {
    const lingering = new Lingering({ limit: 8, open: () => 1, release: () => undefined });
    const connection = new Connection(world, false);
    lingering.begin(connection as unknown as Departing);
    connection.removeAllListeners('close');
    connection.leave();
    world.pass(TICK);
    assert.deepEqual([lingering.size, world.interval], [0, undefined]);
  } finally {
    world.restore();
  }
});
