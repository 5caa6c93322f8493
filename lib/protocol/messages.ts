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
 * What a worker says to the master: {@link WorkerMessage}s, one line of JSON each, on the control pipe. This is not Node's own IPC channel, because
 * there a line that is no JSON becomes an uncaught exception *in the master*.
 */

/** Which limit it has reached; `sockets`: it has no more copies of the sockets for threads that replace others; `descriptors`: they are used up. */
export type RecycleCause = 'requests' | 'memory' | 'sockets' | 'descriptors';
const RECYCLE_CAUSES: readonly RecycleCause[] = ['requests', 'memory', 'sockets', 'descriptors'];

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
  /** A spare has booted: it waits for the order to take a slot. */
  | { readonly type: 'spare' }
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
  | SlowMessage
  | StacksMessage
  | WarningMessage
  | AdoptMessage
  | MetricsMessage
  /** What the application sends: any JSON. `thread`: in which of them, from 1. */
  | { readonly type: 'user'; readonly message: unknown; readonly thread?: number };

/** What the application sends, on its way: text that is written as it is. */
export interface UserText {
  readonly type: 'user';
  readonly text: string;
  readonly thread?: number;
}

/** What a worker may say: what the master acts on, and what only the two ends of the pipe have to do with. */
export type Said = WorkerMessage | UserText | Receipt | Lanes;

/** A longer line is no message of ours: no stack that {@link serializeError} writes comes near. */
export const MAX_LINE: number = 1 << 20;
/** With what is around it, it must be a line. */
export const MAX_USER_MESSAGE: number = MAX_LINE - 1024;
export function encodeMessage(message: Said): string {
  // It begins with a new line too: whatever else wrote to the pipe may have left half of one.
  if (message.type === 'heard' || message.type === 'lanes') return `\n${encodeMail(message)}\n`;
  if (!('text' in message)) return `\n${JSON.stringify(message)}\n`;
  const thread = message.thread === undefined ? '' : `"thread":${message.thread},`;
  return `\n{"type":"user",${thread}"message":${message.text}}\n`;
}

/** A message of the application, in whichever direction. Throws in the sender what JSON, or its length, is against. */
export function userText(message: unknown): string {
  const text: string | undefined = JSON.stringify(message);
  if (text === undefined) throw new TypeError(`expected a message that JSON can hold, got ${typeof message}`);
  if (text.length > MAX_USER_MESSAGE) {
    throw new RangeError(`expected a message of at most ${MAX_USER_MESSAGE} characters of JSON, got ${text.length}`);
  }
  return text;
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
