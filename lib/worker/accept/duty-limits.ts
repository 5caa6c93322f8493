/* The figures of the duty roster. */
import { availableParallelism } from 'node:os';

/** With fewer others listening, an acceptor that turns busy wakes another one. */
export const LOW = 2;
/**
 * With so many others listening, an acceptor that turns idle rests. Where requests are quick, only those count that
 * have nothing to do.
 */
export const HIGH = 4;
/**
 * So many acceptors that serve short requests one after the other keep all CPUs busy: one more would take from their
 * share.
 */
export const ENOUGH: number = Math.max(LOW, availableParallelism());
/** With up to so many acceptors there is no roster: the wake-ups that it would save cost less than it does. */
export const FEW: number = { off: Number.POSITIVE_INFINITY, force: 0 }[process.env['PREFORK_ROSTER'] ?? ''] ?? 8;
/**
 * An acceptor that serves short requests looks whether it is one too many: each time for its first {@link FIRST} looks,
 * then each {@link SELDOM}th time only.
 */
export const FIRST = 8;
export const SELDOM = 16;

/** Milliseconds. */
export const TIME = {
  /** How often the roster is read whatever happens, and for how long an acceptor that rests then listens. */
  ROUND: 1_000,
  LOOK: 10,
  /**
   * How long an acceptor on call waits for the busy ones to come on. On a machine that is short of CPUs, one of
   * those may get none for as long.
   */
  PATIENCE: 10,
  /** How long after a piece of work there is a look whether the event loop turns. */
  STEADY: 10,
  /**
   * Least time between two looks whether an acceptor is one too many: who has come on within less time tells nothing.
   */
  APART: 4,
  /** How long a word goes on to say that its acceptor serves one moment after the other, while nothing more comes. */
  LINGER: 5,
} as const;

/**
 * From which load on it is balanced; by how much an acceptor may be ahead, in places and as a share of its load; and
 * how long it pauses if it is further ahead, milliseconds.
 */
export const BALANCE = { from: 16, slack: 8, share: 0.05, pause: 2 } as const;
