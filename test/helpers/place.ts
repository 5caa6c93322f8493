import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder that the test's end removes. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Stands in for another program: a listening socket in this process, which accepts connections and sends nothing. */
export async function occupy(
  t: TestContext,
  where: { port: number } | { path: string } = { port: 0 },
): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  server.listen('port' in where ? { ...where, host: '127.0.0.1' } : where);
  await once(server, 'listening');
  t.after(() => server.close());
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A port that was free a moment ago. */
export async function freePort(t: TestContext): Promise<number> {
  const server = await occupy(t);
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}
