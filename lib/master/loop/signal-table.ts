import { MOST_WORKERS } from '../../options/checks.js';
import type { MasterSignal } from '../../options/types.js';

/** What the signals of the master are for. */
export interface Orders {
  readonly scaleBy: (step: number) => void;
  readonly reload: () => unknown;
  /** Until it is told otherwise, nobody serves. At the start, and in a reload, all must have been ready once. */
  readonly hold: () => unknown;
  /** What writes logs is told that their files have been moved away. */
  readonly reopenLogs: () => void;
  readonly upgrade: () => unknown;
  readonly drain: () => void;
  /** The second one kills. */
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

/** Where nobody has sent it: the terminal is gone, or a window has another size. */
const OF_THE_TERMINAL: Readonly<Partial<typeof TABLE>> = {
  SIGHUP: ({ drain }) => drain(),
  SIGWINCH: () => undefined,
};

/** What would change something that ends. */
const NOT_IN_A_STOP: readonly MasterSignal[] = ['SIGHUP', 'SIGTTIN', 'SIGTTOU', 'SIGWINCH', 'SIGUSR2'];

export function obey(
  { name, origin }: { readonly name: MasterSignal; readonly origin: 'terminal' | undefined },
  orders: Orders,
  stopping: boolean,
): void {
  const act = (origin && OF_THE_TERMINAL[name]) ?? TABLE[name];
  if (!stopping || !NOT_IN_A_STOP.includes(name)) act(orders);
}

/** How many workers there should be, of so many, after TTIN or TTOU. */
export function stepped(target: number, step: number): number {
  return Math.min(MOST_WORKERS, Math.max(1, target + step));
}
