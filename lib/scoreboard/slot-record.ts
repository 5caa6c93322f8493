import type { Times } from './slot-times.js';

/** What a worker process is doing. EMPTY is a slot that was never written. */
export const STATE = { EMPTY: 0, BOOTING: 1, SERVING: 2, DRAINING: 3 } as const;
export type SlotState = (typeof STATE)[keyof typeof STATE];

/** A request as it was when its handler was called. */
export interface SlotRequest {
  readonly method: string;
  /** As the client sent it. It is cut, with an ellipsis, if the slot has no room. */
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Only if requests have ids, see the option `requestId`. */
  readonly id?: string;
}

export interface SlotRecord {
  readonly pid: number;
  readonly state: SlotState;
  /** Requests in flight. */
  readonly active: number;
  /** Open client connections. */
  readonly connections: number;
  /**
   * The exit code that a worker wrote before it killed itself, see the prelude. In the slot of a thread: node's number
   * for the thread.
   */
  readonly exitCode: number | undefined;
  /** The last heartbeat, milliseconds on the system's monotonic clock, see `monotonic()`. */
  readonly beat: number;
  readonly requests: number;
  readonly errors: number;
  /** Requests that were never begun, since their clients had gone. */
  readonly abandoned: number;
  /** Resident memory in bytes at the last sample, one a second. */
  readonly rss: number;
  /** Event loop utilisation, 0 to 1, between the last two samples. */
  readonly elu: number;
  /**
   * Until when the event loop may stand still, as the worker has announced: milliseconds of `monotonic()`, 0 for never.
   */
  readonly patientUntil: number;
  /** The oldest request in flight. */
  readonly request: SlotRequest | undefined;
  /** How long requests took, from the call of the handler to the end of the answer. */
  readonly requestTime: Times;
  /** How long requests waited before their handlers were called. */
  readonly waitTime: Times;
  /**
   * How many messages of the application the worker had accepted for sending, modulo 2^32, when one last had to wait.
   */
  readonly sent: number;
  /** Undefined if there is no acceptor. */
  readonly room: SlotRoom | undefined;
}

/** For how long an acceptor had room, so that a new connection would have been accepted at once. */
export interface SlotRoom {
  /** Milliseconds with room, summed since the acceptor began. */
  readonly free: number;
  /** Up to when `free` is counted, of `monotonic()`. */
  readonly at: number;
  /** Whether there was room at that moment, so that the time since then counts too. */
  readonly open: boolean;
}
