import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Holds back applications that connect to it as they load (the fixture `waits-to-load.js`) until the test opens it. */
export interface LoadGate {
  readonly env: { readonly GATE: string };
  /** How many wait. */
  readonly waiting: number;
  /** Whether this process waits. */
  waits(pid: number): boolean;
  /** Lets through who waits and who comes. */
  open(): void;
  /** Lets through one of those who wait: the first one, or that process. */
  admit(pid?: number): void;
  /** Holds who comes from now on. */
  close(): void;
}

export async function createLoadGate(t: TestContext): Promise<LoadGate> {
  /** The pid behind each connection; undefined before it has said so. */
  const waiting = new Map<Socket, number | undefined>();
  let closed = true;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    // Not destroyed: with bytes of the other side unread, that would be a reset.
    if (!closed) {
      socket.resume().end();
      return;
    }
    waiting.set(socket, undefined);
    // A pid is a few bytes, sent at once: they come in one piece.
    socket.once('data', (pid) => waiting.has(socket) && waiting.set(socket, Number(pid)));
    for (const end of ['end', 'close']) socket.once(end, () => waiting.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const open = (): void => {
    closed = false;
    for (const socket of waiting.keys()) socket.end();
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
    waits: (pid) => [...waiting.values()].includes(pid),
    admit(pid) {
      const [first] = [...waiting].flatMap(([socket, of]) => (pid === undefined || of === pid ? [socket] : []));
      if (first) waiting.delete(first);
      first?.end();
    },
    close() {
      closed = true;
    },
  };
}
