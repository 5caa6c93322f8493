/*
 * The two sides of a worker's life: what the worker does for its lifecycle, and what the lifecycle does for the
 * worker.
 */
import type { ThreadActivity } from '../../protocol/activity.js';
import type { BootPhase } from '../../protocol/messages.js';
import type { Pulse } from '../vitals/pulse.js';
import type { Slot } from '../vitals/slot.js';
import type { Timeout } from '../worker.js';
import type { Link } from './link.js';
import type { Prepared } from './standby.js';

/** What a lifecycle runs and ends: a worker, or the pool of threads of a threaded worker. */
export interface Servant {
  /** When a pool began to serve in part, by its first thread; of `monotonic()`. */
  readonly since?: number | undefined;
  stop(): void | Promise<void>;
  /** The time of the drain is nearly over: ends the requests in flight, within so many milliseconds. */
  hurry?(farewell: number): void;
  crash(): void | Promise<void>;
  /** A clock has run out while the event loop turns: answers the clients that can still be answered. */
  timeOut?(): Timeout;
  /** Has all threads answer what they can, and exit; the process exits then. */
  quit?(): Promise<void>;
  /** What the threads are doing; only in a worker with threads. */
  stacks?(ask: number): Promise<readonly ThreadActivity[]>;
  /** The process or thread ends now, whatever is in flight: clients get 503 if it was told to end, else 500. */
  lastWords?(status: 500 | 503): void;
}

/**
 * Handles the signals, errors and exits of a worker process, or of a thread of one, from its first line to its last.
 */
export interface Lifecycle extends Omit<Link, 'onGone' | 'onOrders' | 'keepAlive'> {
  readonly slot: Slot;
  readonly pulse: Pulse;
  /** The phase that an error before readiness is blamed on. */
  phase: BootPhase;
  /** Reports a failed boot and exits. */
  readonly failBoot: (error: unknown) => never;
  /** Reports an error after readiness, lets the worker answer, and exits. */
  readonly fail: (error: unknown) => void;
  /** Registers what is done once the work is over, before the exit after a drain or an error; it must not take long. */
  readonly beforeEnd: (act: () => Promise<void>) => void;
  /** Takes orders for a worker that is not ready yet but may already serve in part: a pool of threads. */
  readonly takeOrders: (worker: Servant) => void;
  /** For a spare that has booted: resolves when it takes a slot. If it is to end before that, `prepared` is closed. */
  readonly awaitSlot: (prepared: Prepared) => Promise<void>;
  /** Hands the process over to a worker that serves. */
  readonly serving: (worker: Servant) => void;
}
