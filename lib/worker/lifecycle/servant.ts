/* The two sides of a worker's life: what it is to do for whoever runs it, and what that does for it. */
import type { ThreadActivity } from '../../protocol/activity.js';
import type { BootPhase } from '../../protocol/messages.js';
import type { Pulse } from '../vitals/pulse.js';
import type { Slot } from '../vitals/slot.js';
import type { Timeout } from '../worker.js';
import type { Link } from './link.js';
import type { Prepared } from './standby.js';

/** What ends well or badly: a worker, or the pool of threads of one. */
export interface Servant {
  /** When it began to serve in part, of `monotonic()`. */
  readonly since?: number | undefined;
  stop(): void | Promise<void>;
  /** The time of the drain is nearly over: ends what is under way, within so many milliseconds. */
  hurry?(farewell: number): void;
  crash(): void | Promise<void>;
  /** A clock has run out, and the event loop turns: tells whom it still can. */
  timeOut?(): Timeout;
  /** Has all that serves say its last words; the process exits then. */
  quit?(): Promise<void>;
  /** What its threads are doing; of a worker that has some. */
  stacks?(ask: number): Promise<readonly ThreadActivity[]>;
  /** The process or thread ends now, whatever is under way: 503 if it was told to, else 500. */
  lastWords?(status: 500 | 503): void;
}

/** The signals, errors and exits of a worker process, or of a thread of one, from its first line to its last. */
export interface Lifecycle extends Omit<Link, 'onGone' | 'onOrders' | 'keepAlive'> {
  readonly slot: Slot;
  readonly pulse: Pulse;
  /** What an error before readiness is blamed on. */
  phase: BootPhase;
  /** Reports a failed boot and exits. */
  readonly failBoot: (error: unknown) => never;
  /** Reports an error after readiness, lets the worker answer, and exits. */
  readonly fail: (error: unknown) => void;
  /** Has something done before it ends after a drain or an error, once the work is done; it must not take long. */
  readonly beforeEnd: (act: () => Promise<void>) => void;
  /** Takes orders for a worker that is not ready yet but serves in part: a pool whose first thread is up. */
  readonly takeOrders: (worker: Servant) => void;
  /** A spare has booted: resolves when it is to take a slot. If it is to end before, that is closed. */
  readonly awaitSlot: (prepared: Prepared) => Promise<void>;
  /** Hands the process over to a worker that serves. */
  readonly serving: (worker: Servant) => void;
}
