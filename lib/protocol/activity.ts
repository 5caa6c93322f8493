import type { SlotRequest } from '../scoreboard/scoreboard.js';
import { isRecord } from '../serialized-error.js';

/**
 * What a thread was found to do: to run JavaScript, something in native code that could not be interrupted, or nothing, because it waited for
 * something that had not come.
 */
export type Hung = 'javascript' | 'native' | 'waiting';
const HUNG: readonly Hung[] = ['javascript', 'native', 'waiting'];

/** A request that ran out of time, or takes long. */
export interface TimedOutRequest extends SlotRequest {
  /** Where the client is, if that can be found out. */
  readonly remoteAddress?: string;
}

/** What the kernel of Linux says of a thread; what it does not let be read is absent. */
export interface KernelState {
  /** The letter of proc(5): `R` runs or would run, `S` sleeps, `D` waits for a disk, `T` is stopped. */
  readonly state: string;
  /** The system call that it is in, by its name, or by its number where that is a rare one. */
  readonly syscall?: string;
  /** The function of the kernel in which it sleeps. */
  readonly wchan?: string;
}

/** What a thread does at a moment. */
export interface Activity {
  /** Absent when nobody could find out. */
  readonly doing?: Hung;
  /** Where the JavaScript was, innermost call first, one line each. */
  readonly stack?: string;
  /** Of native code, of a worker that did not answer, and of a thread that was not held: it had been in this minute, or what was slow was over. */
  readonly kernel?: KernelState;
  /** What was waited for, see `process.getActiveResourcesInfo()`. */
  readonly pending?: readonly string[];
  /** For so many milliseconds it was held, so that its stack could be taken. */
  readonly paused?: number;
}

/** What a worker, or a thread of one, does at a moment. */
export interface ThreadActivity extends Activity {
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** Requests in flight. */
  readonly active: number;
  /** One of them: of several the one that came last. */
  readonly request?: TimedOutRequest;
}

/** A request that is not done after {@link ArbiterOptions.slowAfter}. It goes on. */
export interface SlowReport extends Activity {
  /** Absent where the event loop of an async worker stands still, and the request that came last is not in flight any more. */
  readonly request?: TimedOutRequest;
  /** How long ago its handler was called, milliseconds; where what was slow was over when more was to be found out, at the moment before. */
  readonly age: number;
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** How many requests of this worker, or thread, were slow since its last report, and are in none. */
  readonly suppressed?: number;
  /** How often this worker, or thread, has been held so far, and for how many milliseconds altogether. */
  readonly pauses: { readonly count: number; readonly total: number };
}

export type SlowMessage = { readonly type: 'slow' } & SlowReport;
/** The answer to an order of that number. */
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

/** Of milliseconds: nobody reads the other digits. Upwards, since what took its time did not take none. */
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
