import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Holds back applications that connect to it as they load (the fixture `waits-to-load.js`) until the test opens it. */
export interface LoadGate {
  readonly env: { readonly GATE: string };
  /** How many wait. */
  readonly waiting: number;
  /** Lets through who waits and who comes. */
  open(): void;
  /** Lets through one of those who wait. */
  admit(): void;
  /** Holds who comes from now on. */
  close(): void;
}

export async function createLoadGate(t: TestContext): Promise<LoadGate> {
  const waiting = new Set<Socket>();
  let closed = true;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (!closed) socket.destroy();
    else waiting.add(socket.once('close', () => waiting.delete(socket)).resume());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const open = (): void => {
    closed = false;
    for (const socket of waiting) socket.destroy();
  };
  t.after(() => {
    open();
    server.close();
  });
  const env = { GATE: String((server.address() as AddressInfo).port) };
  return {
    env,
    open,
    get waiting() {
      return waiting.size;
    },
    admit() {
      const [first] = waiting;
      first?.destroy();
    },
    close() {
      closed = true;
    },
  };
}
