import type { ServerOptions } from 'node:http';
import type { TlsOptions } from 'node:tls';
import { deserialize, serialize } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';
import { type AdoptMessage, parseAdoption } from './adoption.js';
import type { SlotRequest } from '../scoreboard.js';
import { isRecord, parseError, type SerializedError } from '../serialized-error.js';
import { parseWarning, type WarningMessage } from './warning.js';

/**
 * What the master and a worker say to each other.
 *
 * master → worker: one {@link WorkerSpec} in the environment, with TLS one line on the control pipe, then a line for each
 * order (`orders.ts`). The end of the pipe tells a worker that its master is gone.
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

/** Which limit it has reached; `sockets`: it has no more copies of the sockets for threads that replace others; `descriptors`: they are used up. */
export type RecycleCause = 'requests' | 'memory' | 'sockets' | 'descriptors';
const RECYCLE_CAUSES: readonly RecycleCause[] = ['requests', 'memory', 'sockets', 'descriptors'];

/** How long a worker may take, milliseconds; 0 is no limit. */
export interface ClockLimits {
  /** For a request where one is served at a time, and for the event loop to stand still. */
  readonly timeout: number;
  /** From the spawn until it is ready. */
  readonly bootTimeout: number;
  /** Whether a thread watches the main one. */
  readonly watchdog: boolean;
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

/** All that a worker process must know before it loads the application; a thread of one gets a copy. */
export interface WorkerSpec {
  readonly name: string;
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

/** Which limit: `bootTimeout`, or `timeout` for a request or for the event loop. */
export type Clock = 'boot' | 'request' | 'loop';
const CLOCKS: readonly Clock[] = ['boot', 'request', 'loop'];

/**
 * What a worker that ran out of time was found to do: to run JavaScript, something in native code that could not be
 * interrupted, or nothing, because it waited for something that did not come.
 */
export type Hung = 'javascript' | 'native' | 'waiting';
const HUNG: readonly Hung[] = ['javascript', 'native', 'waiting'];

/** A request that ran out of time. */
export interface TimedOutRequest extends SlotRequest {
  /** Where the client is, if that can be found out. */
  readonly remoteAddress?: string;
}

/** A worker, or a thread of one, ran out of time and ends. */
export interface TimeoutReport {
  readonly clock: Clock;
  /** Milliseconds, of which the worker could have used all. */
  readonly elapsed: number;
  /** What it was serving; of several requests, the one that came last. */
  readonly request?: TimedOutRequest;
  /** Absent when nobody could find out. */
  readonly hung?: Hung;
  /** Where the JavaScript was, innermost call first, one line each. */
  readonly stack?: string;
  /** What was waited for, see `process.getActiveResourcesInfo()`. */
  readonly pending?: readonly string[];
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** Whether a client got an answer because of it: 504. */
  readonly answered: boolean;
}

/**
 * Why a thread ended. `timeout`: a clock of it ran out, which `'worker:timeout'` told before; `crash`: an error, the limit of its
 * heap, or a `process.exit` of its own.
 */
export type ThreadExitReason = 'crash' | 'timeout';
const THREAD_EXIT_REASONS: readonly ThreadExitReason[] = ['crash', 'timeout'];

export type WorkerMessage =
  /** `since`: when the first of its threads was, of `monotonic()`. */
  | { readonly type: 'ready'; readonly since?: number }
  /** It has got TERM, and not from the master: it serves on until it is told what is meant. */
  | { readonly type: 'term' }
  | FailedMessage
  | { readonly type: 'error'; readonly error: SerializedError }
  /** A thread ended without being told to, and is replaced; `request` is what it was serving. */
  | {
      readonly type: 'thread';
      readonly thread: number;
      readonly code: number;
      readonly reason: ThreadExitReason;
      readonly request?: SlotRequest;
    }
  /** It has reached a limit, wants a replacement, and goes on serving until it is told to drain. Said once. */
  | { readonly type: 'recycle'; readonly why: RecycleCause }
  | ({ readonly type: 'timeout' } & TimeoutReport)
  | WarningMessage
  | AdoptMessage
  /** What the application sends: any JSON. */
  | { readonly type: 'user'; readonly message: unknown };

/** A longer line is no message of ours: no stack that {@link serializeError} writes comes near. */
export const MAX_LINE: number = 1 << 20;
/** With what is around it, it must be a line. */
const MAX_USER_MESSAGE: number = MAX_LINE - 1024;
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
  const { since } = value;
  if (value['type'] === 'ready') return { type: 'ready', ...(typeof since === 'number' && { since }) };
  if (value['type'] === 'term') return { type: 'term' };
  if (value['type'] === 'user') return { type: 'user', message: value['message'] };
  if (value['type'] === 'thread') return parseThread(value);
  if (value['type'] === 'recycle') {
    const why = RECYCLE_CAUSES.find((cause) => cause === value['why']);
    return why && { type: 'recycle', why };
  }
  if (value['type'] === 'timeout') return parseTimeout(value);
  if (value['type'] === 'warning') return parseWarning(value);
  if (value['type'] === 'adopt') return parseAdoption(value);
  const error = parseError(value['error']);
  if (error === undefined) return undefined;
  if (value['type'] === 'error') return { type: 'error', error };
  if (value['type'] !== 'failed') return undefined;
  const { phase, socket } = value;
  if (phase !== 'bind' && phase !== 'load' && phase !== 'boot') return undefined;
  return Number.isInteger(socket)
    ? { type: 'failed', phase, error, socket: socket as number }
    : { type: 'failed', phase, error };
}

function parseThread(value: Record<string, unknown>): WorkerMessage | undefined {
  const { thread, code } = value;
  const reason = THREAD_EXIT_REASONS.find((name) => name === value['reason']);
  if (typeof thread !== 'number' || typeof code !== 'number' || reason === undefined) return undefined;
  const request = parseRequest(value['request']);
  return { type: 'thread', thread, code, reason, ...(request && { request }) };
}

function parseRequest(value: unknown): TimedOutRequest | undefined {
  const { method, url, startedAt, remoteAddress } = isRecord(value) ? value : {};
  if (typeof method !== 'string' || typeof url !== 'string' || typeof startedAt !== 'number') return undefined;
  return { method, url, startedAt, ...(typeof remoteAddress === 'string' && { remoteAddress }) };
}

function parseTimeout(value: Record<string, unknown>): WorkerMessage | undefined {
  const { elapsed, answered, stack, pending, thread } = value;
  const clock = CLOCKS.find((name) => name === value['clock']);
  const hung = HUNG.find((name) => name === value['hung']);
  const request = parseRequest(value['request']);
  if (clock === undefined || typeof elapsed !== 'number' || typeof answered !== 'boolean') return undefined;
  return {
    type: 'timeout',
    ...{ clock, elapsed, answered },
    ...(request && { request }),
    ...(hung && { hung }),
    ...(typeof stack === 'string' && { stack }),
    ...(Array.isArray(pending) && { pending: pending.filter((item) => typeof item === 'string') }),
    ...(typeof thread === 'number' && { thread }),
  };
}
