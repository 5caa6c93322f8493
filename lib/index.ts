export { Arbiter } from './arbiter.js';
export { ArbiterError, type ArbiterErrorCode } from './errors.js';
export type { BroadcastResult, SendOptions } from './master/crew/post.js';
export type { WorkerStack } from './master/crew/stacks.js';
export type { ArbiterState } from './master/loop/states.js';
export type {
  ArbiterStats,
  CrewStats,
  FailingSlot,
  Histogram,
  Saturation,
  StatsTotals,
  ThreadStats,
  WorkerStats,
} from './master/scoreboard/stats.js';
export type { BoundAddress } from './master/sockets/listener.js';
export type { QueueReport, QueueStats } from './master/sockets/queue-level.js';
export type { ArbiterEvents, ReloadResult, ThreadExit, WorkerExit, WorkerTimeout } from './master/tell/events.js';
export type { ArbiterMessage } from './master/tell/mirror.js';
export type { ExitReason, WorkerInfo, WorkerState } from './master/workers/worker-info.js';
export type { AccessLogSettings } from './options/access-format.js';
export { defineConfig, type PreforkConfig } from './options/config.js';
export type {
  CallbackHandler,
  FetchHandler,
  Handler,
  InitHandler,
  RequestListener,
  RoutingHandler,
} from './options/handler.js';
export type { BindOption, ControlOption } from './options/listening.js';
export type { LogFields, Logger } from './options/logger.js';
export type { TlsSettings } from './options/tls.js';
export type { TrustedProxies } from './options/trust.js';
export type { ArbiterOptions, MasterSignal } from './options/types.js';
export type { BuiltInClass, WorkerClass, WorkerClassOption, WorkerKind, WorkerModule } from './options/worker-class.js';
export type {
  Activity,
  Hung,
  KernelState,
  SlowReport,
  ThreadActivity,
  TimedOutRequest,
} from './protocol/activity.js';
export type { Clock, ThreadExitReason, TimeoutReport } from './protocol/messages.js';
export type { ServingOptions } from './protocol/spec.js';
export type { WarningCode, WorkerWarning } from './protocol/warning.js';
export type { SlotRequest } from './scoreboard/scoreboard.js';
export type { AcceptOptions } from './worker/accept/accept-options.js';
export type { Acceptor } from './worker/accept/acceptor.js';
export { AsyncWorker } from './worker/classes/async.js';
export { SyncWorker } from './worker/classes/sync.js';
export { ThreadedWorker } from './worker/classes/threaded.js';
export { worker } from './worker/entry/own.js';
export type { MetricsSource } from './worker/entry/own-metrics.js';
export type { OwnWorker } from './worker/entry/self.js';
export type { ConnectionListener, Listener } from './worker/handlers/listener.js';
export { HttpWorker } from './worker/http/http-worker.js';
export type { Places } from './worker/http/places.js';
export type { MessageListener } from './worker/lifecycle/inbox.js';
export { Worker, type WorkerContext } from './worker/worker.js';
