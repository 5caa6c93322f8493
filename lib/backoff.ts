/**
 * The backoff: when a slot whose worker died gets its next worker. Exponential with full jitter: a random wait between
 * zero and a limit that doubles, so that many slots (and many hosts) that fail together do not come back together.
 * Pure: time and chance are parameters.
 */

/** How a worker failed: it could not be spawned, it died before it was ready, or after. */
export type FailureKind = 'spawn' | 'boot' | 'crash';

export interface BackoffPolicy {
  /** Upper limit of the second wait; the first replacement comes at once. Milliseconds. */
  readonly base: number;
  /** Upper limit of all waits. Milliseconds. */
  readonly max: number;
}

/**
 * After a crash, the waits are shorter, since the worker has served: a request that kills its worker must not take a
 * slot away for long. A worker that cannot be spawned or booted is likely to fail again, and each try costs a boot.
 *
 * The limit for crashes must not be shorter than this, since full jitter may draw many short waits in a row. A slot
 * whose workers die 50 ms after they are ready, and boot in no time, should see at most 25 of them in 30 seconds. With
 * a limit of 5 s it sees more once in 6,000 times, with 7.5 s once in ten million.
 */
export const BACKOFF: Readonly<Record<FailureKind, BackoffPolicy>> = {
  spawn: { base: 250, max: 15_000 },
  boot: { base: 250, max: 15_000 },
  crash: { base: 250, max: 7_500 },
};

/**
 * If a worker was ready for this long, it counts as healthy, and its death starts a new count. Milliseconds. So a
 * worker that always dies a little later is replaced at once each time, since this way its slot serves most; it is
 * spawned 15 times in 30 seconds.
 */
export const STABLE_AFTER = 2_000;

/** Consecutive failures of one slot. */
export interface FailureCount {
  readonly kind: FailureKind;
  readonly failures: number;
}

/**
 * The count after another death. `served` is how long the worker had been ready, 0 if it never was.
 * A failure of another kind does not start a new count: an application that alternates between kinds is no healthier.
 */
export function countFailure(before: FailureCount | undefined, kind: FailureKind, served: number): FailureCount {
  const stable = served >= STABLE_AFTER;
  return { kind, failures: stable || before === undefined ? 1 : before.failures + 1 };
}

/**
 * How long the slot stays empty, milliseconds. 0 only after a first failure, since any later wait is reported. `chance`
 * is a random number of [0, 1).
 */
export function backoffDelay({ kind, failures }: FailureCount, chance: number): number {
  if (failures <= 1) return 0;
  const { base, max } = BACKOFF[kind];
  // The exponent is bounded: 2 ** 1024 is Infinity, and Infinity * 0 is NaN.
  return Math.max(1, Math.round(chance * Math.min(max, base * 2 ** Math.min(30, failures - 2))));
}
