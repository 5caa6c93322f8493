import type { MasterSignal } from '../options/types.js';
import type { SlotRequest } from '../scoreboard.js';
import type { BoundAddress } from './listener.js';
import type { ExitReason, WorkerInfo } from './worker-handle.js';

/** How a worker ended. */
export interface WorkerExit {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly reason: ExitReason;
  /** What it was serving at that moment, if anything. */
  readonly request?: SlotRequest;
}

/** A worker ran out of time. */
export interface WorkerTimeout {
  /** `boot`: it was not ready within `bootTimeout`. */
  readonly clock: 'boot';
  /** Milliseconds. */
  readonly elapsed: number;
  /** Whether a client got an answer because of it. */
  readonly answered: boolean;
}

/** The events of an Arbiter and what their listeners get. A listener that throws is reported by `error` and ends nothing. */
export interface ArbiterEvents {
  /** Clients can connect to an address; once for each, when the first worker is ready. */
  listening: [address: BoundAddress];
  /** All workers are ready for the first time. */
  ready: [];
  'worker:spawn': [worker: WorkerInfo];
  'worker:ready': [worker: WorkerInfo];
  /** A worker ended; its replacement, if it gets one, starts afterwards. */
  'worker:exit': [worker: WorkerInfo, exit: WorkerExit];
  'worker:timeout': [worker: WorkerInfo, timeout: WorkerTimeout];
  /** The error that a worker ends with, with its own stack; before its `worker:exit`. */
  'worker:error': [worker: WorkerInfo, error: Error];
  /** A slot gets no new worker for `delay` milliseconds after its `failures`th death in a row. */
  'worker:backoff': [id: number, backoff: { readonly delay: number; readonly failures: number }];
  /** The number of workers is to change. */
  scale: [to: number, from: number];
  /** The master got a signal of its table. */
  signal: [name: MasterSignal];
  stop: [options: { readonly graceful: boolean }];
  stopped: [];
  /** Something failed that no promise tells of. Without a listener it becomes a process warning. */
  error: [error: Error];
}
