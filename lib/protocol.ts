import type { ServerOptions } from 'node:http';
import type { TlsOptions } from 'node:tls';
import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';
import type { SlotRequest } from './scoreboard.js';

/**
 * What the master and a worker say to each other.
 *
 * master → worker: one {@link WorkerSpec} in the environment, with TLS one line on the control pipe, then only
 * signals. The end of the pipe tells a worker that its master is gone.
 * worker → master: {@link WorkerMessage}s, one line of JSON each, on the control pipe. This is not Node's
 * own IPC channel, because there a line that is no JSON becomes an uncaught exception *in the master*.
 */

/** The variable that carries the spec. It is removed at once, so that no grandchild takes itself for a worker. */
export const SPEC_VARIABLE = 'PREFORK_WORKER';

/** The descriptors of a worker process. Those from EXTRA_SOCKETS on are the second and further `bind`s, see {@link WorkerSpec}.copies. */
export const FD = { SOCKET: 0, CONTROL: 3, SHELL_COPY: 4, SCOREBOARD: 5, REPORT: 6, EXTRA_SOCKETS: 7 } as const;

/** What a worker hands to its `http.Server`. */
export type HttpOptions = ServerOptions & { readonly maxHeadersCount?: number };

/** When a worker asks to be replaced; 0 is no limit. */
export interface RecycleLimits {
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  /** Bytes of resident memory. */
  readonly maxMemory: number;
}

/** Which limit it has reached; `sockets`: it has no more copies of the sockets for threads that replace others. */
export type RecycleCause = 'requests' | 'memory' | 'sockets';
const RECYCLE_CAUSES: readonly RecycleCause[] = ['requests', 'memory', 'sockets'];

/** How a worker serves, of whatever class it is. */
export interface ServingOptions {
  /** Connections held at once. */
  readonly workerConnections: number;
  /** Milliseconds that a connection is kept for its next request. */
  readonly keepAlive: number;
  readonly threads: number;
  readonly resourceLimits?: ResourceLimits;
  readonly http2: boolean;
}

/** All that a worker process must know before it loads the application; a thread of one gets a copy. */
export interface WorkerSpec {
  readonly name: string;
  readonly id: number;
  readonly age: number;
  readonly generation: number;
  /** Index of its slot on the scoreboard; those of its threads follow. */
  readonly slot: number;
  /** Number of listening sockets: fd 0, then {@link FD}.EXTRA_SOCKETS and up. */
  readonly sockets: number;
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
  /** Whether the control pipe brings the `tls` options: no secret belongs into an environment. */
  readonly tls: boolean;
  readonly http: HttpOptions;
  readonly recycle: RecycleLimits;
  readonly user?: string | number;
  readonly group?: string | number;
  readonly umask?: number;
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

/** How far a worker got: `bind` could not listen, `load` the application failed to load, `boot` anything else. */
export type BootPhase = 'bind' | 'load' | 'boot';

export type FailedMessage = {
  readonly type: 'failed';
  readonly phase: BootPhase;
  readonly error: SerializedError;
  /** For `bind`: the index of the address. */
  readonly socket?: number;
};

export type WorkerMessage =
  | { readonly type: 'ready' }
  | FailedMessage
  | { readonly type: 'error'; readonly error: SerializedError }
  /** A thread ended without being told to, and is replaced; `request` is what it was serving. */
  | { readonly type: 'thread'; readonly thread: number; readonly code: number; readonly request?: SlotRequest }
  /** It has reached a limit, wants a replacement, and goes on serving until it is told to drain. Said once. */
  | { readonly type: 'recycle'; readonly why: RecycleCause }
  /** What the application sends: any JSON. */
  | { readonly type: 'user'; readonly message: unknown };

/** An error as plain data. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: SerializedError;
}

/** A longer line is no message of ours: no stack that {@link serializeError} writes comes near. */
export const MAX_LINE: number = 1 << 20;
/** With what is around it, it must be a line. */
const MAX_USER_MESSAGE: number = MAX_LINE - 1024;
const MAX_TEXT = 8192;
const MAX_CAUSES = 4;

export function encodeMessage(message: WorkerMessage): string {
  // It begins with a new line too: whatever else wrote to the pipe may have left half of one.
  return `\n${JSON.stringify(message)}\n`;
}

/** A message of the application, as it will arrive. Throws in the sender what JSON, or its length, is against. */
export function userMessage(message: unknown): WorkerMessage {
  const text: string | undefined = JSON.stringify(message);
  if (text === undefined) throw new TypeError(`expected a message that JSON can hold, got ${typeof message}`);
  if (text.length > MAX_USER_MESSAGE) {
    throw new RangeError(`expected a message of at most ${MAX_USER_MESSAGE} characters of JSON, got ${text.length}`);
  }
  return { type: 'user', message: JSON.parse(text) };
}

/** The message in a line, or undefined for anything that is not one: a worker may write what it likes. */
export function parseMessage(line: string): WorkerMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  if (value['type'] === 'ready') return { type: 'ready' };
  if (value['type'] === 'user') return { type: 'user', message: value['message'] };
  if (value['type'] === 'thread') return parseThread(value);
  if (value['type'] === 'recycle') {
    const why = RECYCLE_CAUSES.find((cause) => cause === value['why']);
    return why && { type: 'recycle', why };
  }
  const error = parseError(value['error'], 0);
  if (error === undefined) return undefined;
  if (value['type'] === 'error') return { type: 'error', error };
  if (value['type'] !== 'failed') return undefined;
  const { phase, socket } = value;
  if (phase !== 'bind' && phase !== 'load' && phase !== 'boot') return undefined;
  return Number.isInteger(socket)
    ? { type: 'failed', phase, error, socket: socket as number }
    : { type: 'failed', phase, error };
}

function parseThread({ thread, code, request }: Record<string, unknown>): WorkerMessage | undefined {
  if (typeof thread !== 'number' || typeof code !== 'number') return undefined;
  const { method, url, startedAt } = isRecord(request) ? request : {};
  const known = typeof method === 'string' && typeof url === 'string' && typeof startedAt === 'number';
  return { type: 'thread', thread, code, ...(known && { request: { method, url, startedAt } }) };
}

export function serializeError(thrown: unknown, depth = 0): SerializedError {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: clip(`thrown: ${inspect(thrown)}`) };
    const { name, message, stack, cause } = thrown;
    const code = (thrown as NodeJS.ErrnoException).code;
    return {
      name: clip(String(name)),
      message: clip(String(message)),
      ...(typeof stack === 'string' && { stack: clip(stack) }),
      ...(typeof code === 'string' && { code: clip(code) }),
      ...(cause !== undefined && depth < MAX_CAUSES && { cause: serializeError(cause, depth + 1) }),
    };
  } catch {
    // A getter of the application's error class threw: the report must still go out.
    return { name: 'Error', message: 'thrown: an object whose properties cannot be read' };
  }
}

export function reviveError(data: SerializedError): Error {
  const error = new Error(data.message, data.cause === undefined ? undefined : { cause: reviveError(data.cause) });
  const own: Record<string, string> = { name: data.name };
  if (data.stack !== undefined) own['stack'] = data.stack;
  if (data.code !== undefined) own['code'] = data.code;
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: key === 'code' });
  }
  return error;
}

function parseError(value: unknown, depth: number): SerializedError | undefined {
  if (!isRecord(value) || depth > MAX_CAUSES) return undefined;
  const { name, message, stack, code } = value;
  if (typeof name !== 'string' || typeof message !== 'string') return undefined;
  const cause = parseError(value['cause'], depth + 1);
  return {
    name,
    message,
    ...(typeof stack === 'string' && { stack }),
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && { cause }),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function clip(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
