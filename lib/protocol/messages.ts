import type { SlotRequest } from '../scoreboard/scoreboard.js';
import { isRecord, parseError, type SerializedError } from '../serialized-error.js';
import {
  type Hung,
  parseHung,
  parseRequest,
  parseSlow,
  parseStacks,
  type SlowMessage,
  type StacksMessage,
  type TimedOutRequest,
} from './activity.js';
import { type AdoptMessage, parseAdoption } from './adoption.js';
import { encodeMail, type Lanes, type Receipt } from './mail.js';
import { type MetricsMessage, parseMetrics } from './metrics.js';
import { parseWarning, type WarningMessage } from './warning.js';

/*
 * What a worker tells the master: {@link WorkerMessage}s, one line of JSON each, on the control pipe. Node's own IPC
 * channel is not used, because there, a line that is not JSON becomes an uncaught exception *in the master*.
 */

/**
 * Which limit the worker has reached. `sockets`: it has no more copies of the sockets for replacement threads.
 * `descriptors`: its file descriptors are used up.
 */
export type RecycleCause = 'requests' | 'memory' | 'sockets' | 'descriptors';
const RECYCLE_CAUSES: readonly RecycleCause[] = ['requests', 'memory', 'sockets', 'descriptors'];

/**
 * Where a boot failed: `bind`, the worker could not listen; `load`, the application failed to load; `boot`, anything
 * else.
 */
export type BootPhase = 'bind' | 'load' | 'boot';

export type FailedMessage = {
  readonly type: 'failed';
  readonly phase: BootPhase;
  readonly error: SerializedError;
  /** For `bind`: the index of the address. */
  readonly socket?: number;
};

/** Which limit ran out: `bootTimeout`, or `timeout` for a request or for the event loop. */
export type Clock = 'boot' | 'request' | 'loop';
const CLOCKS: readonly Clock[] = ['boot', 'request', 'loop'];

/** A worker, or a thread of one, that has timed out and ends. */
export interface TimeoutReport {
  readonly clock: Clock;
  /** Milliseconds, without the time in which the worker could not run. */
  readonly elapsed: number;
  /** The request that it was serving; of several, the one that came last. */
  readonly request?: TimedOutRequest;
  /** Absent if it could not be found out. */
  readonly hung?: Hung;
  /** Where the JavaScript was, innermost call first, one line each. */
  readonly stack?: string;
  /** The resources that it waited for, see `process.getActiveResourcesInfo()`. */
  readonly pending?: readonly string[];
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** Whether a client got an answer because of the timeout: 504. */
  readonly answered: boolean;
}

/**
 * Why a thread ended. `timeout`: one of its time limits ran out, which `'worker:timeout'` reported before. `crash`: an
 * error, its heap limit, or a `process.exit` in it.
 */
export type ThreadExitReason = 'crash' | 'timeout';
const THREAD_EXIT_REASONS: readonly ThreadExitReason[] = ['crash', 'timeout'];

export type WorkerMessage =
  /** The worker is ready. `since`: when the first of its threads was ready, of `monotonic()`. */
  | { readonly type: 'ready'; readonly since?: number }
  /** A spare has booted: it waits for the order to take a slot. */
  | { readonly type: 'spare' }
  /** The worker has got SIGTERM, but not from the master: it serves on until the master tells it what to do. */
  | { readonly type: 'term' }
  | FailedMessage
  | { readonly type: 'error'; readonly error: SerializedError }
  /** A thread ended without being told to, and is replaced. `request` is the one that it was serving. */
  | {
      readonly type: 'thread';
      readonly thread: number;
      readonly code: number;
      readonly reason: ThreadExitReason;
      readonly request?: SlotRequest;
    }
  /** The worker has reached a limit and asks for a replacement. It serves on until it is told to drain. Sent once. */
  | { readonly type: 'recycle'; readonly why: RecycleCause }
  | ({ readonly type: 'timeout' } & TimeoutReport)
  | SlowMessage
  | StacksMessage
  | WarningMessage
  | AdoptMessage
  | MetricsMessage
  /** A message of the application: any JSON. `thread`: the number of the thread that sent it, from 1. */
  | { readonly type: 'user'; readonly message: unknown; readonly thread?: number };

/** A message of the application before it is sent: JSON text, which is written unchanged. */
export interface UserText {
  readonly type: 'user';
  readonly text: string;
  readonly thread?: number;
}

/**
 * All that a worker may send: messages on which the master acts, and receipts, which only the two ends of the pipe
 * handle.
 */
export type Said = WorkerMessage | UserText | Receipt | Lanes;

/**
 * A longer line is not a message of this library: no stack that {@link serializeError} writes comes near it.
 * Characters.
 */
export const MAX_LINE: number = 1 << 20;
/** A message of the application must fit into a line, with the fields around it. Characters of JSON. */
export const MAX_USER_MESSAGE: number = MAX_LINE - 1024;
export function encodeMessage(message: Said): string {
  // It also begins with a new line: something else that wrote to the pipe may have left half a line.
  if (message.type === 'heard' || message.type === 'lanes') return `\n${encodeMail(message)}\n`;
  if (!('text' in message)) return `\n${JSON.stringify(message)}\n`;
  const thread = message.thread === undefined ? '' : `"thread":${message.thread},`;
  return `\n{"type":"user",${thread}"message":${message.text}}\n`;
}

/**
 * The JSON of an application's message, in either direction. Throws, in the sender, if JSON cannot hold it or it is too
 * long.
 */
export function userText(message: unknown): string {
  const text: string | undefined = JSON.stringify(message);
  if (text === undefined) throw new TypeError(`expected a message that JSON can hold, got ${typeof message}`);
  if (text.length > MAX_USER_MESSAGE) {
    throw new RangeError(`expected a message of at most ${MAX_USER_MESSAGE} characters of JSON, got ${text.length}`);
  }
  return text;
}

/** Parses a line. Returns undefined for one that is not a message, since a worker may write anything. */
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
  if (value['type'] === 'spare') return { type: 'spare' };
  if (value['type'] === 'term') return { type: 'term' };
  if (value['type'] === 'user') return parseUser(value);
  if (value['type'] === 'thread') return parseThread(value);
  if (value['type'] === 'recycle') {
    const why = RECYCLE_CAUSES.find((cause) => cause === value['why']);
    return why && { type: 'recycle', why };
  }
  if (value['type'] === 'timeout') return parseTimeout(value);
  if (value['type'] === 'slow') return parseSlow(value);
  if (value['type'] === 'stacks') return parseStacks(value);
  if (value['type'] === 'warning') return parseWarning(value);
  if (value['type'] === 'adopt') return parseAdoption(value);
  if (value['type'] === 'metrics') return parseMetrics(value);
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

function parseUser({ message, thread }: Record<string, unknown>): WorkerMessage {
  return { type: 'user', message, ...(typeof thread === 'number' && { thread }) };
}

function parseThread(value: Record<string, unknown>): WorkerMessage | undefined {
  const { thread, code } = value;
  const reason = THREAD_EXIT_REASONS.find((name) => name === value['reason']);
  if (typeof thread !== 'number' || typeof code !== 'number' || reason === undefined) return undefined;
  const request = parseRequest(value['request']);
  return { type: 'thread', thread, code, reason, ...(request && { request }) };
}

function parseTimeout(value: Record<string, unknown>): WorkerMessage | undefined {
  const { elapsed, answered, stack, pending, thread } = value;
  const clock = CLOCKS.find((name) => name === value['clock']);
  const hung = parseHung(value['hung']);
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
