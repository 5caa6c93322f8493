/* What a script asks for by `listen()`, and what becomes of it: one server is served by the workers, the others are not bound, or as they are. */
import type { Server } from 'node:net';

/** What `listen()` was given, of all its forms. */
export interface Asked {
  readonly port?: number;
  readonly host?: string;
  readonly path?: string;
  /** A descriptor or a handle, which is bound already. */
  readonly inherited: boolean;
}

/** As Node reads them: `listen(port, host)`, `listen(path)`, `listen({ port, host, path })`, `listen({ fd })`, `listen(handle)`, `listen()`. */
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

/** For messages. */
export function askedText({ port, host, path }: Asked): string {
  if (path !== undefined) return `unix:${path}`;
  return `${host?.includes(':') ? `[${host}]` : (host ?? '')}:${port}`;
}

/** For a script that has not said where it listens in time. */
export function silence(path: string, port: number | undefined, limit: number): string {
  const which = port === undefined ? 'an HTTP server' : `an HTTP server on port ${port}`;
  return `the script '${path}' has not called listen() of ${which} within ${limit} ms: is it a server, and does it not fork workers of its own?`;
}

/** Which server of a script its workers serve. */
export interface Choice {
  /** The port that it must ask for; undefined for the first one. */
  readonly wanted: number | undefined;
  /** What the one that has been chosen asked for, and the ports that it has. */
  readonly chosen: { readonly asked: Asked; readonly ports: readonly number[] } | undefined;
}

/**
 * `serve`: this is the one. `same`: another server for the address of the one, as Fastify has one for each address of `localhost`. `leave`: each worker may
 * have its own, since it is given a port that nobody else has, or a socket. `refuse`: only one of the workers could have it.
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

/** HTTP/1.1, over TLS, and HTTP/2: the worker then says what it cannot serve. */
function speaksHttp(server: Server): boolean {
  return ['maxHeadersCount', 'setSecureContext', 'updateSettings'].some((name) => name in server);
}
