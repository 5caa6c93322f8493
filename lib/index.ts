export { Arbiter } from './arbiter.js';
export { ArbiterError, type ArbiterErrorCode } from './errors.js';
export type { ArbiterEvents, WorkerExit, WorkerTimeout } from './master/events.js';
export type { BoundAddress } from './master/listener.js';
export type { ArbiterState } from './master/states.js';
export type { ArbiterStats, StatsTotals, WorkerStats } from './master/stats.js';
export type { ExitReason, WorkerInfo, WorkerState } from './master/worker-handle.js';
export type {
  ArbiterOptions,
  BindOption,
  CallbackHandler,
  FetchHandler,
  Handler,
  MasterSignal,
  RequestListener,
  RoutingHandler,
} from './options/types.js';
export type { SlotRequest } from './scoreboard.js';
