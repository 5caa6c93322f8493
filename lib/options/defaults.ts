import type { MasterSignal } from './types.js';

/** The defaults that do not depend on the machine or the host. */
export const DEFAULTS = {
  name: 'prefork',
  workerClass: 'sync',
  bind: '127.0.0.1:8000',
  backlog: 2048,
  bootTimeout: 60_000,
  gracefulTimeout: 30_000,
  maxRequests: 0,
  maxRequestsJitter: 0,
  maxMemory: 0,
} as const;

export const MASTER_SIGNALS: readonly MasterSignal[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGTTIN', 'SIGTTOU'];

/** Options of the documented API that this version does not know yet: refused, not ignored. */
export const LATER_OPTIONS: ReadonlySet<string> = new Set([
  'threads',
  'workerConnections',
  'keepAlive',
  'timeout',
  'watchdog',
  'tls',
  'http2',
  'resourceLimits',
  'pidFile',
  'accessLog',
  'accessLogFormat',
  'logger',
  'surge',
  'drainDelay',
]);
export const LATER_WORKER_CLASSES: ReadonlySet<string> = new Set(['threaded', 'async']);
export const LATER_SIGNALS: ReadonlySet<string> = new Set(['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH']);
