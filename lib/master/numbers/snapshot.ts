import { type ArbiterStats, EMPTY_STATS, UNKNOWN } from '../scoreboard/stats.js';

/** What the master says of itself. */
export type View<State extends string> = Pick<ArbiterStats<State>, 'name' | 'state' | 'target' | 'held'> & {
  /** Whether the sockets are bound. */
  readonly open: boolean;
};

/** The stats of an Arbiter, also where nothing has been started. */
export function snapshot<State extends string>(
  numbers: { stats<State extends string>(view: View<State>): ArbiterStats<State> } | undefined,
  view: View<State>,
): ArbiterStats<State> {
  if (numbers) return numbers.stats(view);
  const { open, ...known } = view;
  return { ...known, pid: process.pid, queues: [], saturation: UNKNOWN, ...EMPTY_STATS };
}
