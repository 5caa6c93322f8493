import type { BuiltInClass, MasterSignal } from './types.js';

/** The defaults that do not depend on the machine or the host. */
export const DEFAULTS = {
  name: 'prefork',
  workerClass: 'sync',
  bind: '127.0.0.1:8000',
  backlog: 2048,
  threads: 4,
  workerConnections: 1000,
  keepAlive: 5_000,
  requestBuffer: 1_048_576,
  timeout: 30_000,
  watchdog: true,
  bootTimeout: 60_000,
  gracefulTimeout: 30_000,
  drainDelay: 0,
  maxRequests: 0,
  maxRequestsJitter: 0,
  maxMemory: 0,
  notify: true,
  logger: true,
} as const;

export const BUILT_IN_CLASSES: readonly BuiltInClass[] = ['sync', 'threaded', 'async'];

export const MASTER_SIGNALS: readonly MasterSignal[] = [
  ...(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGTTIN', 'SIGTTOU'] as const),
  ...(['SIGHUP', 'SIGWINCH', 'SIGUSR1', 'SIGUSR2'] as const),
];

/** Options of the documented API that this version does not know yet: refused, not ignored. */
export const LATER_OPTIONS: ReadonlySet<string> = new Set(['accessLog', 'accessLogFormat']);
