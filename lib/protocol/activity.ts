import type { SlotRequest } from '../scoreboard/scoreboard.js';
import { isRecord } from '../serialized-error.js';

/**
 * What a thread was found to do: it ran JavaScript, it was in native code that could not be interrupted, or it waited
 * for something that had not come.
 */
export type Hung = 'javascript' | 'native' | 'waiting';
const HUNG: readonly Hung[] = ['javascript', 'native', 'waiting'];

/** A request that has timed out, or takes long. */
export interface TimedOutRequest extends SlotRequest {
  /** The address of the client, if it could be found out. */
  readonly remoteAddress?: string;
}

/** What the Linux kernel says of a thread. A field that it does not allow to be read is absent. */
export interface KernelState {
  /** The state letter of proc(5): `R` runs or could run, `S` sleeps, `D` waits for a disk, `T` is stopped. */
  readonly state: string;
  /** The system call that it is in: its name, or for a rare one its number. */
  readonly syscall?: string;
  /** The kernel function in which it sleeps. */
  readonly wchan?: string;
}

/** What a thread is doing at a moment. */
export interface Activity {
  /** Absent if it could not be found out. */
  readonly doing?: Hung;
  /** Where the JavaScript was, innermost call first, one line each. */
  readonly stack?: string;
  /**
   * Present for native code, for a worker that did not answer, and for a thread that was not paused, since its pauses
   * of this minute were used up or the slow request was over.
   */
  readonly kernel?: KernelState;
  /** The resources that it waited for, see `process.getActiveResourcesInfo()`. */
  readonly pending?: readonly string[];
  /** For how long the thread was paused to take its stack, milliseconds. */
  readonly paused?: number;
}

/** What a worker, or a thread of one, is doing at a moment. */
export interface ThreadActivity extends Activity {
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** Requests in flight. */
  readonly active: number;
  /** One of the requests in flight: of several, the one that came last. */
  readonly request?: TimedOutRequest;
}

/** A request that has not ended after {@link ArbiterOptions.slowAfter}. It goes on. */
export interface SlowReport extends Activity {
  /**
   * Absent if the event loop of an async worker stands still, and the request that came last is no longer in flight.
   */
  readonly request?: TimedOutRequest;
  /**
   * How long ago its handler was called, milliseconds. If the request was over before more could be found out, it is
   * the age when it was last seen in flight.
   */
  readonly age: number;
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** How many further requests of this worker, or thread, were slow since its last report, and were not reported. */
  readonly suppressed?: number;
  /** How often this worker, or thread, has been paused so far, and for how many milliseconds in all. */
  readonly pauses: { readonly count: number; readonly total: number };
}

export type SlowMessage = { readonly type: 'slow' } & SlowReport;
/** The answer to the order with the number `ask`, see `encodeAsk()`. */
export type StacksMessage = {
  readonly type: 'stacks';
  readonly ask: number;
  readonly threads: readonly ThreadActivity[];
};

export function parseHung(value: unknown): Hung | undefined {
  return HUNG.find((name) => name === value);
}

export function parseRequest(value: unknown): TimedOutRequest | undefined {
  const { method, url, startedAt, id, remoteAddress } = isRecord(value) ? value : {};
  if (typeof method !== 'string' || typeof url !== 'string' || typeof startedAt !== 'number') return undefined;
  const named = typeof id === 'string' && { id };
  return { method, url, startedAt, ...named, ...(typeof remoteAddress === 'string' && { remoteAddress }) };
}

export function parseSlow(value: Record<string, unknown>): SlowMessage | undefined {
  const { age, thread, suppressed } = value;
  const { count, total } = isRecord(value['pauses']) ? value['pauses'] : {};
  if (typeof age !== 'number' || typeof count !== 'number' || typeof total !== 'number') return undefined;
  const request = parseRequest(value['request']);
  return {
    type: 'slow',
    ...(request && { request }),
    age,
    ...parseActivity(value),
    ...(typeof thread === 'number' && { thread }),
    ...(typeof suppressed === 'number' && { suppressed }),
    pauses: { count, total: tenths(total) },
  };
}

export function parseStacks({ ask, threads }: Record<string, unknown>): StacksMessage | undefined {
  if (typeof ask !== 'number' || !Array.isArray(threads)) return undefined;
  return { type: 'stacks', ask, threads: threads.filter(isRecord).map(parseThread) };
}

function parseThread(value: Record<string, unknown>): ThreadActivity {
  const { thread, active } = value;
  const request = parseRequest(value['request']);
  return {
    ...(typeof thread === 'number' && { thread }),
    active: typeof active === 'number' ? active : 0,
    ...(request && { request }),
    ...parseActivity(value),
  };
}

function parseActivity(value: Record<string, unknown>): Activity {
  const { stack, pending, paused } = value;
  const doing = parseHung(value['doing']);
  const kernel = parseKernel(value['kernel']);
  return {
    ...(doing && { doing }),
    ...(typeof stack === 'string' && { stack }),
    ...(kernel && { kernel }),
    ...(Array.isArray(pending) && { pending: pending.filter((item) => typeof item === 'string') }),
    ...(typeof paused === 'number' && { paused: tenths(paused) }),
  };
}

/**
 * Milliseconds rounded to tenths, since nobody reads further digits. Rounded up, so that a short pause does not become
 * 0.
 */
function tenths(milliseconds: number): number {
  return Math.ceil(milliseconds * 10) / 10;
}

function parseKernel(value: unknown): KernelState | undefined {
  const { state, syscall, wchan } = isRecord(value) ? value : {};
  if (typeof state !== 'string') return undefined;
  return {
    state,
    ...(typeof syscall === 'string' && { syscall }),
    ...(typeof wchan === 'string' && { wchan }),
  };
}
