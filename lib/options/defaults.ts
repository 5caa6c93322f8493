import type { BuiltInClass, MasterSignal } from './types.js';

/** The classes that have a name. */
export const BUILT_IN_CLASSES: readonly BuiltInClass[] = ['sync', 'threaded', 'async'];

/** What the master acts on, unless told to leave it alone. */
export const MASTER_SIGNALS: readonly MasterSignal[] = [
  ...(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGTTIN', 'SIGTTOU'] as const),
  ...(['SIGHUP', 'SIGWINCH', 'SIGUSR1', 'SIGUSR2'] as const),
];

/** Options of the documented API that this version does not know yet: refused, not ignored. */
export const LATER_OPTIONS: ReadonlySet<string> = new Set(['accessLog', 'accessLogFormat']);
