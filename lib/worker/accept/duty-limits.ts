/* The figures of the duty roster. */
import { availableParallelism } from 'node:os';

/** With fewer listening, one that turns busy wakes another. */
export const LOW = 2;
/** With as many that listen and do nothing, one that turns idle rests. */
export const HIGH = 4;
/** So many that serve short requests one after the other keep all CPUs busy: one more would take from their share. */
export const ENOUGH: number = Math.max(LOW, availableParallelism());
/** Up to so many acceptors, a wake-up that was for nothing costs less than the roster does. */
export const FEW: number = { off: Number.POSITIVE_INFINITY, force: 0 }[process.env['PREFORK_ROSTER'] ?? ''] ?? 8;
/** Whether it is one too many, one that serves short requests looks each time in its first looks, and then each so many. */
export const FIRST = 8;
export const SELDOM = 16;

/** Milliseconds. */
export const TIME = {
  /** How often the roster is looked at whatever happens, and how long the look of one that rests takes. */
  ROUND: 1_000,
  LOOK: 10,
  /** How long one that does not come on is waited for. On a machine that is short of CPUs it may have none for as long. */
  PATIENCE: 10,
  /** Behind something to do, it is looked whether the event loop has turned. */
  STEADY: 10,
  /** What has come on within less tells nothing. */
  APART: 4,
} as const;

/** From which load on it is to be balanced, by how much one may be ahead, and how long it then waits, milliseconds. */
export const BALANCE = { from: 16, slack: 8, share: 0.05, pause: 2 } as const;
