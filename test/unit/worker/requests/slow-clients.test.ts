import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { SlowClients } from '../../../../build/worker/requests/slow-clients.js';
import { eventually } from '../../../helpers/wait.js';

const MEGABYTE = 1024 * 1024;
/** How much answers without a place may hold, megabytes. */
const ROOM = 64;

interface Client {
  readonly response: ServerResponse;
  readonly socket: Socket;
  /** The client takes this many bytes of its answer. */
  readonly take: (bytes: number) => void;
}

/** A client that still has this much of its answer to take. */
function client(bytes: number): Client {
  const handle = { bytesRead: 100, bytesWritten: bytes, writeQueueSize: bytes };
  const take = (taken: number): void => {
    handle.writeQueueSize -= taken;
  };
  const socket = { _handle: handle, writableLength: bytes } as unknown as Socket;
  return { response: { writableEnded: true } as ServerResponse, socket, take };
}

class Clients {
  readonly slow: SlowClients;
  readonly all: Client[] = [];
  readonly #cut: ServerResponse[] = [];
  /** The client whose answer waits with its place, and how many answers have gone on without a place. */
  waiting: Client | undefined;
  gone = 0;
  /** How long the event loop has been idle, milliseconds. */
  idle = 5_000;

  constructor(t: TestContext) {
    const time = { now: () => performance.now(), idle: () => this.idle };
    const options = {
      placed: () => (this.waiting ? [[this.waiting.response, this.waiting.socket] as const] : []),
      onSlow: (response: ServerResponse) => void this.#cut.push(response),
      onWait: () => undefined,
      onRoom: () => {
        this.waiting = undefined;
        this.gone++;
      },
    };
    this.slow = new SlowClients(0, options, time);
    t.after(() => this.slow.stop());
  }

  send(bytes: number): boolean {
    const next = client(bytes);
    this.all.push(next);
    const sends = this.slow.send(next.response, next.socket);
    if (!sends) this.waiting = next;
    return sends;
  }

  /** Sends as many answers as there is memory for. */
  fill(): void {
    for (let count = 0; count < ROOM; count++) assert.ok(this.send(MEGABYTE));
  }

  /** The answers that were given up, by their numbers. */
  get cut(): number[] {
    return this.#cut.map((response) => this.all.findIndex((one) => one.response === response));
  }
}

test('of more answers than there is memory for, slow ones are given up, and no place waits', (t) => {
  const clients = new Clients(t);
  clients.fill();
  clients.idle += 1_000;
  for (const [index, { take }] of clients.all.entries()) take(index === 7 || index === 20 ? 60_000 : 70_000);
  assert.ok(clients.send(MEGABYTE));
  assert.deepEqual(clients.cut, [7]);
  assert.ok(clients.send(MEGABYTE));
  assert.deepEqual(clients.cut, [7, 20]);
  // All other clients are fast enough, so this answer waits.
  assert.equal(clients.send(MEGABYTE), false);
  assert.deepEqual(clients.cut, [7, 20]);
});

test('of answers that have begun this instant, or while the event loop was busy, nobody knows who is slow', async (t) => {
  const clients = new Clients(t);
  clients.fill();
  assert.equal(clients.send(MEGABYTE), false);
  assert.deepEqual(clients.cut, []);
  // The answers are looked at again and again. Now the event loop has waited for these clients.
  clients.idle += 300;
  await eventually(() => clients.gone === 1, 'a place');
  assert.deepEqual(clients.cut, [0]);
});

test('an answer that is too long by itself takes nobody else with it', (t) => {
  const clients = new Clients(t);
  assert.ok(clients.send(MEGABYTE));
  clients.idle += 1_000;
  assert.equal(clients.send((ROOM + 1) * MEGABYTE), false);
  assert.deepEqual(clients.cut, []);
});
