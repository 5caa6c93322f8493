/* The figures of the duty roster. */
import { availableParallelism } from 'node:os';

/** With fewer listening, one that turns busy wakes another; with as many, one that turns idle rests. */
const LOW = 2;

export const COUNT: Readonly<Record<'LOW' | 'HIGH' | 'BUSIEST' | 'FEW' | 'SELDOM' | 'FIRST', number>> = {
  LOW,
  HIGH: 4,
  /** Moments take CPU and hardly anything else: of those that are busy with them, one for each CPU is enough, and one more than that is one too many. */
  BUSIEST: Math.max(LOW, availableParallelism()),
  /** Up to so many acceptors, a wake-up that was for nothing costs less than the roster does. */
  FEW: { off: Number.POSITIVE_INFINITY, force: 0 }[process.env['PREFORK_ROSTER'] ?? ''] ?? 8,
  /** One that is busy for moments looks each so many times whether it is one too many; each time in its first ones, so that those go on that have served most. */
  SELDOM: 16,
  FIRST: 8,
};

/** Milliseconds. */
export const TIME = {
  /** How often the roster is looked at whatever happens, and how long the look of one that rests takes. */
  ROUND: 1_000,
  LOOK: 10,
  /** How long one that does not come on is waited for. On a machine that is short of CPUs it may have none for as long. */
  PATIENCE: 10,
  /** One that is busy for moments says no more often than that how far it has come. */
  SETTLE: 4,
} as const;

/** From which load on it is to be balanced, by how much one may be ahead, and how long it then waits, milliseconds. */
export const BALANCE = { from: 16, slack: 8, share: 0.05, pause: 2 } as const;

export function isFarAhead(load: number, least: number): boolean {
  return load - least > BALANCE.slack + load * BALANCE.share;
}
