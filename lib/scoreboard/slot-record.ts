import type { Times } from './slot-times.js';

/** What a worker process is doing. 0 is a slot that was never written. */
export const STATE = { EMPTY: 0, BOOTING: 1, SERVING: 2, DRAINING: 3 } as const;
export type SlotState = (typeof STATE)[keyof typeof STATE];

/** A request as it was when its handler was called. */
export interface SlotRequest {
  readonly method: string;
  /** As the client sent it; cut with an ellipsis where the slot had no room. */
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Where requests have ids, see the option `requestId`. */
  readonly id?: string;
}

export interface SlotRecord {
  readonly pid: number;
  readonly state: SlotState;
  /** Requests in flight. */
  readonly active: number;
  /** Open client connections. */
  readonly connections: number;
  /** The exit code that a worker wrote before it killed itself, see the prelude. Of a thread: the number that node has for it. */
  readonly exitCode: number | undefined;
  /** Milliseconds on the system's monotonic clock, see `monotonic()`. */
  readonly beat: number;
  readonly requests: number;
  readonly errors: number;
  /** Requests that were not begun, since their clients had gone. */
  readonly abandoned: number;
  /** Resident memory in bytes at the last sample, one a second. */
  readonly rss: number;
  /** Event loop utilisation, 0 to 1, between the last two samples. */
  readonly elu: number;
  /** Its event loop will stand still until then, and says so before: milliseconds of `monotonic()`, 0 for never. */
  readonly patientUntil: number;
  /** The oldest request in flight. */
  readonly request: SlotRequest | undefined;
  /** From the calls of handlers to the ends of their answers. */
  readonly requestTime: Times;
  /** Before the calls of handlers. */
  readonly waitTime: Times;
  /** So many messages of the application it has taken on, modulo 2^32, when one had to wait last. */
  readonly sent: number;
  /** Undefined where nobody accepts. */
  readonly room: SlotRoom | undefined;
}

/** For how long somebody could have been let in at once. */
export interface SlotRoom {
  /** Milliseconds since it began to accept. */
  readonly free: number;
  /** Up to when that is counted, of `monotonic()`. */
  readonly at: number;
  /** Whether it goes on from there: nothing was under way at that moment. */
  readonly open: boolean;
}
