import type { ServerOptions } from 'node:http';
import type { TlsOptions } from 'node:tls';
import { deserialize, serialize } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/*
 * What the master says to a worker before it begins: one {@link WorkerSpec} in the environment, and with TLS one line on the control pipe. What
 * follows there is a line for each order (`orders.ts`). The end of the pipe tells a worker that its master is gone.
 */

/** The variable that carries the spec. It is removed at once, so that no grandchild takes itself for a worker. */
export const SPEC_VARIABLE = 'PREFORK_WORKER';

/** The descriptors of a worker process. Those from EXTRA_SOCKETS on are the second and further `bind`s, see {@link WorkerSpec}.copies. */
export const FD = { SOCKET: 0, CONTROL: 3, SHELL_COPY: 4, SCOREBOARD: 5, REPORT: 6, EXTRA_SOCKETS: 7 } as const;

/** What the name of a Unix socket ends with, or where that is too long begins with, until it is bound for good: so the kernel knows it by that. */
export const DRAFT = '~';

/** What a worker hands to its `http.Server`. */
export type HttpOptions = ServerOptions & { readonly maxHeadersCount?: number };

/** When a worker asks to be replaced; 0 is no limit. */
export interface RecycleLimits {
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  /** Bytes of resident memory. */
  readonly maxMemory: number;
}

/** How long a worker may take, milliseconds; 0 is no limit. */
export interface ClockLimits {
  /** For a request where one is served at a time, and for the event loop to stand still. */
  readonly timeout: number;
  /** From the spawn until it is ready. */
  readonly bootTimeout: number;
  /** Whether a thread watches the main one. */
  readonly watchdog: boolean;
  /** From when on a request is told of, while it goes on. */
  readonly slowAfter: number;
}

/**
 * How often a worker says that its event loop turns, and how often the master looks, milliseconds: finer where the limit
 * is short, since both can be wrong by so much.
 */
export function beatInterval(timeout: number): number {
  return timeout === 0 ? 1_000 : Math.min(1_000, Math.max(20, Math.floor(timeout / 4)));
}

/** How a worker serves, of whatever class it is. */
export interface ServingOptions {
  /** Connections held at once. */
  readonly workerConnections: number;
  /** Milliseconds that a connection is kept for its next request. */
  readonly keepAlive: number;
  readonly threads: number;
  readonly resourceLimits?: ResourceLimits;
  readonly http2: boolean;
  /** Bytes of a request's body that are waited for before it takes a place. */
  readonly requestBuffer: number;
  /** Whether a client that has ended its side still gets its answer. */
  readonly allowHalfOpen: boolean;
}

/** Who is believed, when it says on whose behalf it asks; after parsing. */
export interface TrustSpec {
  /** Whoever connects. */
  readonly all: boolean;
  /** Whoever connects to a Unix socket. */
  readonly unix: boolean;
  readonly subnets: readonly Subnet[];
  readonly header: ProxyHeader;
}

export interface Subnet {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Where the addresses are: `both` is `X-Forwarded-For`, or where there is none `Forwarded`. */
export type ProxyHeader = 'both' | 'forwarded' | 'x-forwarded-for';

/** Where a worker writes the lines of its access log, and what they say. */
export interface AccessSpec {
  /** 1 is standard output. */
  readonly fd: number;
  /** Of the file, which is opened anew when it has been moved away. */
  readonly path?: string;
  readonly format: string;
}

/** All that a worker process must know before it loads the application; a thread of one gets a copy. */
export interface WorkerSpec {
  readonly name: string;
  /** 0 of a spare, until it is told which slot it takes. */
  readonly id: number;
  readonly age: number;
  readonly generation: number;
  /** Index of its slot on the scoreboard; those of its threads follow. */
  readonly slot: number;
  /** How long it leaves the clients to others once it can serve, milliseconds. */
  readonly rest: number;
  /** Number of listening sockets: fd 0, then {@link FD}.EXTRA_SOCKETS and up. */
  readonly sockets: number;
  /**
   * What the kernel calls the address of each, see `localName()`; null of one that is not ours alone, which no worker needs to close.
   */
  readonly locals: readonly (string | null)[];
  /**
   * How many copies of the further ones there are, one behind the other: each thread needs one of its own, since what it
   * listens on is closed with it. In a thread: the number of its copy, from 0.
   */
  readonly copies: number;
  readonly backlog: number;
  /** No /bin/sh here: fd 0 must get O_NONBLOCK back, and the exit must not reset it. */
  readonly direct: boolean;
  /** Module form: the specifier. Inline form: absent, the host's entry script brings the handler. */
  readonly app?: string;
  /** A built-in class or the specifier of a module. Absent: the host's entry script brings the class. */
  readonly workerClass?: string;
  /** The number of this thread, from 1; absent in a process's main thread. */
  readonly thread?: number;
  readonly serving: ServingOptions;
  readonly clocks: ClockLimits;
  /** From the order to drain until it is killed, milliseconds. */
  readonly gracefulTimeout: number;
  /** When it was spawned, milliseconds of the clock that all processes share, see `monotonic()`. */
  readonly spawnedAt: number;
  /** Whether the control pipe brings the `tls` options: no secret belongs into an environment. */
  readonly tls: boolean;
  readonly http: HttpOptions;
  readonly recycle: RecycleLimits;
  /** Whether the master logs the errors that it is told of, so that nobody else has to. */
  readonly logged: boolean;
  readonly user?: string | number;
  readonly group?: string | number;
  readonly umask?: number;
  readonly access?: AccessSpec;
  readonly trustProxy?: TrustSpec;
  /** Whether what comes from those begins with a header of the PROXY protocol. */
  readonly proxyProtocol?: boolean;
  /** The header of a request that has its id, in lower case. Absent where there are none. */
  readonly requestId?: string;
}

export function encodeSpec(spec: WorkerSpec): string {
  return JSON.stringify(spec);
}

/** Takes the spec out of an environment, once: undefined in a process that is no worker. */
export function takeSpec(env: NodeJS.ProcessEnv): WorkerSpec | undefined {
  const text = env[SPEC_VARIABLE];
  if (text === undefined) return undefined;
  delete env[SPEC_VARIABLE];
  return JSON.parse(text) as WorkerSpec;
}

/** The line that brings the `tls` options: key and certificates may be buffers, which JSON does not know. */
export function encodeTls(options: TlsOptions): string {
  return `${serialize(options).toString('base64')}\n`;
}

export function decodeTls(line: string): TlsOptions {
  return deserialize(Buffer.from(line, 'base64')) as TlsOptions;
}
