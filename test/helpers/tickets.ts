import assert from 'node:assert/strict';
import tls, { type SecureVersion } from 'node:tls';
import { inTime } from './wait.js';

export const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];

export interface Visit {
  /** The body of the answer: by default, the pid of the worker. */
  readonly body: string;
  /** Whether the server has accepted the ticket. */
  readonly resumed: boolean;
  /** The session with the last ticket that came, else the one that was offered. */
  readonly session: Buffer | undefined;
}

/**
 * Sends one HTTP/1.1 request on a connection of its own. Any certificate is accepted: which one it is, the tests see by
 * the ticket.
 */
export async function visit(url: string, version: SecureVersion, offered?: Buffer, path = '/pid'): Promise<Visit> {
  const { hostname, port } = new URL(url);
  const socket = tls.connect({
    ...{ host: hostname, port: Number(port), rejectUnauthorized: false },
    ...{ minVersion: version, maxVersion: version, ...(offered && { session: offered }) },
  });
  let session = offered;
  let text = '';
  let resumed = false;
  socket.on('session', (given: Buffer) => {
    session = given;
  });
  socket.on('secureConnect', () => {
    resumed = socket.isSessionReused();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
  });
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await inTime(
    new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => resolve());
    }),
    'an answer over TLS',
  );
  const [head = '', body = ''] = text.split('\r\n\r\n');
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`expected an answer, got '${text}'`);
  // In a chunked body, the first line is the length of the chunk, and the second one its data.
  return { body: /chunked/i.test(head) ? (body.split('\r\n')[1] ?? '') : body, resumed, session };
}

/**
 * Makes visits one after the other, each with the ticket that the visit before has got. Returns how many were resumed,
 * and by which workers.
 */
export async function chain(
  url: string,
  version: SecureVersion,
  visits: number,
  first?: Buffer,
): Promise<{ resumed: number; session: Buffer; workers: Set<string> }> {
  let session = first ?? (await visit(url, version)).session;
  let resumed = 0;
  const workers = new Set<string>();
  for (let count = 0; count < visits; count++) {
    const seen = await visit(url, version, session);
    if (seen.resumed) resumed++;
    workers.add(seen.body);
    session = seen.session;
  }
  return { resumed, session: session as Buffer, workers };
}

/** Makes visits, each with the same ticket; returns how many were resumed. */
export async function offer(url: string, version: SecureVersion, session: Buffer, visits: number): Promise<number> {
  let resumed = 0;
  for (let count = 0; count < visits; count++) if ((await visit(url, version, session)).resumed) resumed++;
  return resumed;
}

/** A ticket for each TLS version, in the order of {@link VERSIONS}. */
export type Tickets = readonly Buffer[];

/** The same for each TLS version, for tests that have one host for all versions. */
export async function chains(
  url: string,
  visits: number,
  first: Tickets = [],
): Promise<{ resumed: number[]; tickets: Tickets; workers: Set<string> }> {
  const seen: Awaited<ReturnType<typeof chain>>[] = [];
  for (const [index, version] of VERSIONS.entries()) seen.push(await chain(url, version, visits, first[index]));
  return {
    resumed: seen.map(({ resumed }) => resumed),
    tickets: seen.map(({ session }) => session),
    workers: new Set(seen.flatMap(({ workers }) => [...workers])),
  };
}

/** Makes visits with each of these tickets; returns how many were resumed of each version. */
export async function offers(url: string, tickets: Tickets, visits: number): Promise<number[]> {
  const resumed: number[] = [];
  for (const [index, version] of VERSIONS.entries())
    resumed.push(await offer(url, version, tickets[index] as Buffer, visits));
  return resumed;
}

/** A list with this count for each version. */
export function ofEach(count: number): number[] {
  return VERSIONS.map(() => count);
}

/** Asserts that nearly all visits were resumed. A few need not be, since a loaded machine may disturb a client. */
export function assertMost(resumed: readonly number[], visits: number, what: string): void {
  const [seen, all] = [resumed.reduce((sum, count) => sum + count, 0), visits * resumed.length];
  assert.ok(seen >= 0.98 * all, `${what}: ${resumed} of ${visits} each were resumed`);
}
