import { MOST_WORKERS } from '../../options/checks.js';
import type { MasterSignal } from '../../options/types.js';

/** What signals to the master ask for. */
export interface Orders {
  readonly scaleBy: (step: number) => void;
  readonly reload: () => unknown;
  /**
   * No worker serves, until workers are asked for again. During the start or a reload, it waits until all have been
   * ready once.
   */
  readonly hold: () => unknown;
  /** The files of logs have been moved away: all that write logs are to open them anew. */
  readonly reopenLogs: () => void;
  readonly upgrade: () => unknown;
  readonly drain: () => void;
  /** A second one kills. */
  readonly quit: () => void;
}

/** As in Gunicorn. */
const TABLE: Readonly<Record<MasterSignal, (orders: Orders) => unknown>> = {
  SIGTERM: ({ drain }) => drain(),
  SIGINT: ({ quit }) => quit(),
  SIGQUIT: ({ quit }) => quit(),
  SIGHUP: ({ reload }) => reload(),
  SIGTTIN: ({ scaleBy }) => scaleBy(1),
  SIGTTOU: ({ scaleBy }) => scaleBy(-1),
  SIGWINCH: ({ hold }) => hold(),
  SIGUSR1: ({ reopenLogs }) => reopenLogs(),
  SIGUSR2: ({ upgrade }) => upgrade(),
};

/**
 * What these two mean where the terminal has caused them, and nobody has sent them: the terminal is gone, or its window
 * has another size.
 */
const OF_THE_TERMINAL: Readonly<Partial<typeof TABLE>> = {
  SIGHUP: ({ drain }) => drain(),
  SIGWINCH: () => undefined,
};

/** Ignored during a stop, since they would change what ends. */
const NOT_IN_A_STOP: readonly MasterSignal[] = ['SIGHUP', 'SIGTTIN', 'SIGTTOU', 'SIGWINCH', 'SIGUSR2'];

export function obey(
  { name, origin }: { readonly name: MasterSignal; readonly origin: 'terminal' | undefined },
  orders: Orders,
  stopping: boolean,
): void {
  const act = (origin && OF_THE_TERMINAL[name]) ?? TABLE[name];
  if (!stopping || !NOT_IN_A_STOP.includes(name)) act(orders);
}

/** The new target after TTIN or TTOU. */
export function stepped(target: number, step: number): number {
  return Math.min(MOST_WORKERS, Math.max(1, target + step));
}
