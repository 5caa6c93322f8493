export { Arbiter } from './arbiter.js';
export { ArbiterError, type ArbiterErrorCode } from './errors.js';
export type { ArbiterEvents, ReloadResult, ThreadExit, WorkerExit, WorkerTimeout } from './master/events.js';
export type { BoundAddress } from './master/listener.js';
export type { QueueReport, QueueStats } from './master/queue-level.js';
export type { ArbiterState } from './master/states.js';
export type { ArbiterStats, CrewStats, FailingSlot, StatsTotals, WorkerStats } from './master/stats.js';
export type { ExitReason, WorkerInfo, WorkerState } from './master/worker-handle.js';
export type { LogFields, Logger } from './options/logger.js';
export type { TlsSettings } from './options/tls.js';
export type {
  ArbiterOptions,
  BindOption,
  BuiltInClass,
  CallbackHandler,
  FetchHandler,
  Handler,
  MasterSignal,
  RequestListener,
  RoutingHandler,
  WorkerClass,
  WorkerClassOption,
  WorkerKind,
  WorkerModule,
} from './options/types.js';
export type {
  Clock,
  Hung,
  ServingOptions,
  ThreadExitReason,
  TimedOutRequest,
  TimeoutReport,
} from './protocol.js';
export type { SlotRequest } from './scoreboard.js';
export type { WarningCode, WorkerWarning } from './warning.js';
export type { AcceptOptions } from './worker/accept-options.js';
export type { Acceptor } from './worker/acceptor.js';
export { AsyncWorker } from './worker/async.js';
export { Worker, type WorkerContext } from './worker/base.js';
export { HttpWorker, type Places } from './worker/http.js';
export type { ConnectionListener, Listener } from './worker/listener.js';
export { type OwnWorker, worker } from './worker/self.js';
export { SyncWorker } from './worker/sync.js';
export { ThreadedWorker } from './worker/threaded.js';
