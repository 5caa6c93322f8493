import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/**
 * Holds back applications as they load, until the test lets them: the fixture `waits-to-load.js` connects to the gate.
 */
export interface LoadGate {
  readonly env: { readonly GATE: string };
  /** How many applications wait. */
  readonly waiting: number;
  /** Whether the application of this process waits. */
  waits(pid: number): boolean;
  /** Lets all pass, those that wait and those that come. */
  open(): void;
  /** Lets one of those that wait pass: the first one, or that of this process. */
  admit(pid?: number): void;
  /** Holds those that come from now on. */
  close(): void;
}

export async function createLoadGate(t: TestContext): Promise<LoadGate> {
  /** The pid behind each connection; undefined until the application has sent it. */
  const waiting = new Map<Socket, number | undefined>();
  let closed = true;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    // Ended, not destroyed: with unread bytes from the other side, a destroy would be a reset.
    if (!closed) {
      socket.resume().end();
      return;
    }
    waiting.set(socket, undefined);
    // A pid is a few bytes, sent at once, so it comes in one chunk.
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
