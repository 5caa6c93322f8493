/* A worker as the outside sees it, and the words for its states and for why it ended. */

/** A worker as listeners see it: a snapshot that keeps its values. */
export interface WorkerInfo {
  /**
   * The stable slot, 1..n; a replacement has the id of its predecessor. 0 for a spare, which gets a slot when it takes
   * over.
   */
  readonly id: number;
  /** Undefined when the process could not be spawned. */
  readonly pid: number | undefined;
  /** Counts all workers ever spawned, never reused; a lower one is older. */
  readonly age: number;
  /** Counts the reloads, from 1. */
  readonly generation: number;
  readonly state: WorkerState;
  /** Milliseconds since the epoch. */
  readonly spawnedAt: number;
  /** Milliseconds since the epoch; undefined before it is ready. */
  readonly readyAt: number | undefined;
}

/**
 * `booting` until it serves, `spare` while it has booted and waits for a slot, `draining` from the order to end until
 * it has.
 */
export type WorkerState = 'booting' | 'spare' | 'ready' | 'draining' | 'exited';

/**
 * Why a worker ended. `stop`: it was told to, by the arbiter's stop or by somebody else's TERM or QUIT; `scale`: there
 * were too many; `reload`: a new generation replaced it, or its own generation was rolled back; `recycle`: it had
 * reached `maxRequests` or `maxMemory`, its descriptors were used up, or `restart()` asked for it, and its replacement
 * was ready; `boot`: it failed before it was ready; `timeout`: a clock ran out; `crash`: anything else.
 */
export type ExitReason = 'stop' | 'scale' | 'reload' | 'recycle' | 'timeout' | 'crash' | 'boot';

/** Why the master tells a worker to end. */
export type LeaveReason = Extract<ExitReason, 'stop' | 'scale' | 'reload' | 'recycle'>;
