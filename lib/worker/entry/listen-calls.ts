/*
 * What a script asks for by a call of `listen()`, and what is done about it. One server is served by the workers. Each
 * other one is either not bound, or listens as the script asked.
 */
import type { Server } from 'node:net';

/** What `listen()` was given, in whichever of its forms. */
export interface Asked {
  readonly port?: number;
  readonly host?: string;
  readonly path?: string;
  /** Whether it was a descriptor or a handle, which is bound already. */
  readonly inherited: boolean;
}

/**
 * Reads the arguments as Node does: `listen(port, host)`, `listen(path)`, `listen({ port, host, path })`,
 * `listen({ fd })`, `listen(handle)`, `listen()`.
 */
export function readListen(args: readonly unknown[]): Asked {
  const [first, second] = args;
  if (typeof first === 'object' && first !== null) {
    const { port, host, path, fd, _handle } = first as Record<string, unknown>;
    if (port === undefined && typeof path === 'string') return { path, inherited: false };
    if (port === undefined && (typeof fd === 'number' || _handle !== undefined || 'handle' in first))
      return { inherited: true };
    return ofPort(port, host);
  }
  if (typeof first === 'string' && !isNumeric(first)) return { path: first, inherited: false };
  return ofPort(first, second);
}

function ofPort(port: unknown, host: unknown): Asked {
  const number = typeof port === 'number' || (typeof port === 'string' && isNumeric(port)) ? Number(port) : 0;
  return { port: number, ...(typeof host === 'string' && host !== '' && { host }), inherited: false };
}

function isNumeric(text: string): boolean {
  return text.trim() !== '' && Number(text) >= 0;
}

/** The address as text for messages. */
export function askedText({ port, host, path }: Asked): string {
  if (path !== undefined) return `unix:${path}`;
  return `${host?.includes(':') ? `[${host}]` : (host ?? '')}:${port}`;
}

/** The message for a script that has not called `listen()` in time. */
export function silence(path: string, port: number | undefined, limit: number): string {
  const which = port === undefined ? 'an HTTP server' : `an HTTP server on port ${port}`;
  return `the script '${path}' has not called listen() of ${which} within ${limit} ms: is it a server, and does it not fork workers of its own?`;
}

/** Which server of the script its workers serve. */
export interface Choice {
  /** The port that this server asks for in `listen()`; undefined to take the first server. */
  readonly wanted: number | undefined;
  /** What the chosen server asked for, and the ports that it has; undefined until one is chosen. */
  readonly chosen: { readonly asked: Asked; readonly ports: readonly number[] } | undefined;
}

/**
 * What is done about a server that calls `listen()`:
 * - `serve`: the workers serve this one.
 * - `same`: it is another server for the port of the chosen one, as Fastify has one for each address of `localhost`.
 * - `leave`: it may listen. Each worker can have its own, since it asks for any free port, or for a socket it was
 *   given.
 * - `refuse`: it is not bound, since only one of the workers could be.
 */
export type Fate = 'serve' | 'same' | 'leave' | 'refuse';

export function fateOf(server: Server, asked: Asked, { wanted, chosen }: Choice): Fate {
  if (asked.inherited) return 'leave';
  if (speaksHttp(server)) {
    if (chosen === undefined && (wanted === undefined || asked.port === wanted)) return 'serve';
    if (asked.port !== undefined && asked.port !== 0 && chosen?.ports.includes(asked.port)) return 'same';
  }
  return asked.port === 0 ? 'leave' : 'refuse';
}

/** True for servers of HTTP/1.1, with or without TLS, and of HTTP/2. The worker says later which it cannot serve. */
function speaksHttp(server: Server): boolean {
  return ['maxHeadersCount', 'setSecureContext', 'updateSettings'].some((name) => name in server);
}
