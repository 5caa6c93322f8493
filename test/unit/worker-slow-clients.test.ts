import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { SlowClients } from '../../dist/worker/slow-clients.js';
import { eventually } from '../helpers/wait.js';

const MEGABYTE = 1024 * 1024;
/** What answers without places may hold, megabytes. */
const ROOM = 64;

interface Client {
  readonly response: ServerResponse;
  readonly socket: Socket;
  /** The client takes something. */
  readonly take: (bytes: number) => void;
}

/** A client that has so much of its answer to take. */
function client(bytes: number): Client {
  const handle = { bytesRead: 100, bytesWritten: bytes, writeQueueSize: bytes };
  const take = (taken: number): void => {
    handle.writeQueueSize -= taken;
  };
  const socket = { _handle: handle, writableLength: bytes } as unknown as Socket;
  return { response: {} as ServerResponse, socket, take };
}

class Clients {
  readonly slow: SlowClients;
  readonly cut: ServerResponse[] = [];
  readonly all: Client[] = [];
  #looks = 0;

  constructor(t: TestContext) {
    const placed = (): [] => {
      this.#looks++;
      return [];
    };
    const onSlow = (response: ServerResponse): void => void this.cut.push(response);
    // 20 ms between two looks, instead of 500.
    this.slow = new SlowClients(80, { placed, onSlow, onWait: () => undefined, onRoom: () => undefined });
    t.after(() => this.slow.stop());
  }

  send(bytes: number): boolean {
    const next = client(bytes);
    this.all.push(next);
    return this.slow.send(next.response, next.socket);
  }

  async look(): Promise<void> {
    const before = this.#looks;
    await eventually(() => this.#looks > before, 'a look');
  }

  /** By their numbers. */
  get gone(): number[] {
    return this.cut.map((response) => this.all.findIndex((one) => one.response === response));
  }
}

test('of more answers than there is memory for, the slowest are given up, and no place waits', async (t) => {
  const clients = new Clients(t);
  for (let count = 0; count < ROOM; count++) assert.ok(clients.send(MEGABYTE));
  await clients.look();
  for (const [index, { take }] of clients.all.entries()) if (index !== 7 && index !== 20) take(1_000 + index);
  await clients.look();
  assert.ok(clients.send(2 * MEGABYTE));
  assert.deepEqual(clients.gone, [7, 20]);
  assert.ok(clients.send(1));
  assert.deepEqual(clients.gone, [7, 20, 0]);
});

test('of answers that have begun this instant nobody knows who is slow', async (t) => {
  const clients = new Clients(t);
  for (let count = 0; count < ROOM; count++) assert.ok(clients.send(MEGABYTE));
  assert.equal(clients.send(MEGABYTE), false);
  assert.deepEqual(clients.gone, []);
  await clients.look();
  assert.ok(clients.send(MEGABYTE));
  assert.deepEqual(clients.gone, [0]);
});

test('an answer that is too long by itself takes nobody else with it', async (t) => {
  const clients = new Clients(t);
  assert.ok(clients.send(MEGABYTE));
  await clients.look();
  assert.equal(clients.send((ROOM + 1) * MEGABYTE), false);
  assert.deepEqual(clients.gone, []);
});
