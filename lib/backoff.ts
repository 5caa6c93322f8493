/**
 * When a slot whose worker died gets its next one. Exponential with full jitter: a random wait between nothing
 * and a limit that doubles, so that many slots (and many hosts) that fail together do not come back together.
 * Pure: time and chance are parameters.
 */

/** How a worker ended: it could not be spawned, died before it was ready, or after. */
export type FailureKind = 'spawn' | 'boot' | 'crash';

export interface BackoffPolicy {
  /** Upper limit of the second wait; the first replacement comes at once. Milliseconds. */
  readonly base: number;
  /** Upper limit of all waits. Milliseconds. */
  readonly max: number;
}

/**
 * A worker that was ready served, so the wait after its death is shorter: a request that kills its worker must
 * not take a slot away for long. What cannot be spawned or booted is likely to fail again, and costs a boot.
 *
 * No shorter than this, though: full jitter may draw many short waits in a row. A slot whose workers die 50 ms after
 * they are ready, and boot in no time, is to see at most 25 of them in 30 seconds. With a limit of 5 s it sees more
 * once in 6,000 times, with 7.5 s once in ten million.
 */
export const BACKOFF: Readonly<Record<FailureKind, BackoffPolicy>> = {
  spawn: { base: 250, max: 15_000 },
  boot: { base: 250, max: 15_000 },
  crash: { base: 250, max: 7_500 },
};

/**
 * A worker that was ready for this long worked: its death starts a new count. Milliseconds. So one that always dies a
 * little later comes back at once, since that is when it serves most; it is spawned 15 times in 30 seconds.
 */
export const STABLE_AFTER = 2_000;

/** Consecutive failures of one slot. */
export interface FailureCount {
  readonly kind: FailureKind;
  readonly failures: number;
}

/**
 * The count after another death. `served` is how long the worker had been ready, 0 if it never was.
 * A failure of another kind does not start anew: an application that alternates is no healthier.
 */
export function countFailure(before: FailureCount | undefined, kind: FailureKind, served: number): FailureCount {
  const stable = served >= STABLE_AFTER;
  return { kind, failures: stable || before === undefined ? 1 : before.failures + 1 };
}

/** How long the slot stays empty, milliseconds: 0 behind a first failure only, since a wait is told of. `chance` is a random number of [0, 1). */
export function backoffDelay({ kind, failures }: FailureCount, chance: number): number {
  if (failures <= 1) return 0;
  const { base, max } = BACKOFF[kind];
  // The exponent is bounded: 2 ** 1024 is Infinity, and Infinity * 0 is no delay but NaN.
  return Math.max(1, Math.round(chance * Math.min(max, base * 2 ** Math.min(30, failures - 2))));
}
