import type { ServerOptions } from 'node:http';
import type { TlsOptions } from 'node:tls';
import { deserialize, serialize } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/*
 * What the master tells a worker before it begins: one {@link WorkerSpec} in the environment, and with TLS one line on
 * the control pipe. Each further line there is an order (`orders.ts`). The end of the pipe tells a worker that its
 * master is gone.
 */

/**
 * The variable that carries the spec. The worker removes it at once, so that no child of the worker takes itself for a
 * worker.
 */
export const SPEC_VARIABLE = 'PREFORK_WORKER';

/**
 * The file descriptors of a worker process. From EXTRA_SOCKETS on: the second and further addresses of `bind`, see
 * {@link WorkerSpec}.copies.
 */
export const FD = { SOCKET: 0, CONTROL: 3, SHELL_COPY: 4, SCOREBOARD: 5, REPORT: 6, EXTRA_SOCKETS: 7 } as const;

/**
 * Marks the draft name to which a Unix socket is bound before it is renamed: at its end or, if that would be too long,
 * at its beginning. The kernel keeps reporting the draft name.
 */
export const DRAFT = '~';

/** The options that a worker gives its `http.Server`. */
export type HttpOptions = ServerOptions & { readonly maxHeadersCount?: number };

/** The limits at which a worker asks to be replaced; 0 is no limit. */
export interface RecycleLimits {
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  /** Bytes of resident memory. */
  readonly maxMemory: number;
}

/** How long a worker may take, milliseconds; 0 is no limit. */
export interface ClockLimits {
  /** For one request, in classes that serve one at a time; and for the event loop to stand still. */
  readonly timeout: number;
  /** From the spawn of the worker until it is ready. */
  readonly bootTimeout: number;
  /** Whether a thread watches the main thread. */
  readonly watchdog: boolean;
  /** The age from which on a request is reported as slow, while it goes on. */
  readonly slowAfter: number;
}

/**
 * The interval of the heartbeat, milliseconds: how often a worker writes that its event loop turns, and how often the
 * master looks. It is shorter for a short timeout, since each of the two can be late by one interval.
 */
export function beatInterval(timeout: number): number {
  return timeout === 0 ? 1_000 : Math.min(1_000, Math.max(20, Math.floor(timeout / 4)));
}

/** How a worker serves, of whatever class it is. */
export interface ServingOptions {
  /** Connections held at once. */
  readonly workerConnections: number;
  /** How long a connection is kept for its next request, milliseconds. */
  readonly keepAlive: number;
  readonly threads: number;
  readonly resourceLimits?: ResourceLimits;
  readonly http2: boolean;
  /** Bytes of a request's body for which a worker waits before the request takes a place. */
  readonly requestBuffer: number;
  /** Whether a client that has ended its side of the connection still gets its answer. */
  readonly allowHalfOpen: boolean;
}

/** The option `trustProxy` after parsing: which peers are trusted when they name the client for which they ask. */
export interface TrustSpec {
  /** Everybody who connects. */
  readonly all: boolean;
  /** Everybody who connects to a Unix socket. */
  readonly unix: boolean;
  readonly subnets: readonly Subnet[];
  readonly header: ProxyHeader;
}

export interface Subnet {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** The header that holds the addresses. `both`: `X-Forwarded-For` or, if there is none, `Forwarded`. */
export type ProxyHeader = 'both' | 'forwarded' | 'x-forwarded-for';

/** Where a worker writes the lines of its access log, and in which format. */
export interface AccessSpec {
  /** The file descriptor; 1 is standard output. */
  readonly fd: number;
  /** The path of the file, which is reopened after it has been moved away. */
  readonly path?: string;
  readonly format: string;
}

/** All that a worker process must know before it loads the application; a thread of one gets a copy. */
export interface WorkerSpec {
  readonly name: string;
  /** The slot, from 1. 0 for a spare, until it is told which slot to take. */
  readonly id: number;
  readonly age: number;
  readonly generation: number;
  /** Index of its slot on the scoreboard. The slots of its threads follow. */
  readonly slot: number;
  /** How long the worker, once it can serve, leaves the clients to others, milliseconds. */
  readonly rest: number;
  /** Number of listening sockets: fd 0, then {@link FD}.EXTRA_SOCKETS and up. */
  readonly sockets: number;
  /**
   * The kernel's name for the address of each socket, see `localName()`. Null for a socket that
   * another program opened, such as a service manager: no worker needs to close it.
   */
  readonly locals: readonly (string | null)[];
  /**
   * How many copies there are of the further sockets, one set after the other. Each thread needs its own copy, since
   * the sockets on which it listens are closed with it. In the spec of a thread: the number of its copy, from 0.
   */
  readonly copies: number;
  readonly backlog: number;
  /**
   * Whether the worker was spawned without /bin/sh: then it must set O_NONBLOCK on fd 0 again, and its exit must not
   * reset it.
   */
  readonly direct: boolean;
  /** Module form: the specifier. Inline form: absent, since the host's entry script brings the handler. */
  readonly app?: string;
  /** The name of a built-in class or the specifier of a module. Absent if the host's entry script brings the class. */
  readonly workerClass?: string;
  /** The number of this thread, from 1; absent in a process's main thread. */
  readonly thread?: number;
  readonly serving: ServingOptions;
  readonly clocks: ClockLimits;
  /** From the order to drain until the worker is killed, milliseconds. */
  readonly gracefulTimeout: number;
  /** When the worker was spawned, milliseconds of the clock that all processes share, see `monotonic()`. */
  readonly spawnedAt: number;
  /**
   * Whether the control pipe brings the `tls` options. They are not in the spec, since an environment must not hold
   * secrets.
   */
  readonly tls: boolean;
  readonly http: HttpOptions;
  readonly recycle: RecycleLimits;
  /** Whether the master logs the errors that workers report, so that the worker need not print them. */
  readonly logged: boolean;
  readonly user?: string | number;
  readonly group?: string | number;
  readonly umask?: number;
  readonly access?: AccessSpec;
  readonly trustProxy?: TrustSpec;
  /** Whether connections from the trusted proxies begin with a header of the PROXY protocol. */
  readonly proxyProtocol?: boolean;
  /** The header that holds a request's id, in lower case. Absent if requests have no ids. */
  readonly requestId?: string;
}

export function encodeSpec(spec: WorkerSpec): string {
  return JSON.stringify(spec);
}

/** Takes the spec out of an environment, and removes it there. Returns undefined in a process that is not a worker. */
export function takeSpec(env: NodeJS.ProcessEnv): WorkerSpec | undefined {
  const text = env[SPEC_VARIABLE];
  if (text === undefined) return undefined;
  delete env[SPEC_VARIABLE];
  return JSON.parse(text) as WorkerSpec;
}

/** The line with the `tls` options. Not JSON, which cannot hold buffers: keys and certificates may be buffers. */
export function encodeTls(options: TlsOptions): string {
  return `${serialize(options).toString('base64')}\n`;
}

export function decodeTls(line: string): TlsOptions {
  return deserialize(Buffer.from(line, 'base64')) as TlsOptions;
}
