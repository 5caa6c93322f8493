import { monotonic } from '../../monotonic.js';

/** The master's view of a worker, which the worker itself does not know. */
export interface Standing {
  /** In a slot, a worker of a later term takes over from one of an earlier term. */
  readonly term: number;
  /** How long the worker must have been ready before it may take another's place, milliseconds. */
  readonly probation: number;
}

/** The slot of a worker, and when it reached each state. */
export class Tenure {
  /** 0 for a spare. */
  #id: number;
  #standing: Standing;
  readonly spawnedAt: number = Date.now();
  /**
   * When it was launched, or got its slot if it was a spare, on the clock by which its boot is limited (`monotonic()`).
   */
  #launchedTick: number;
  #bootedTick: number | undefined;
  #readyAt: number | undefined;
  #readyTick: number | undefined;
  #servingTick = 0;

  constructor(id: number, standing: Standing, launchedAt: number) {
    this.#id = id;
    this.#standing = standing;
    this.#launchedTick = launchedAt;
  }

  /** The stable slot, 1..n; 0 for a spare, until it takes one. */
  get id(): number {
    return this.#id;
  }

  /** See {@link Standing.term}, and the roster. */
  get term(): number {
    return this.#standing.term;
  }

  /** Whether it has no slot. */
  get spare(): boolean {
    return this.#id === 0;
  }

  get ready(): boolean {
    return this.#readyAt !== undefined;
  }

  /** Milliseconds since the epoch. */
  get readyAt(): number | undefined {
    return this.#readyAt;
  }

  /** Milliseconds of `performance.now()`; undefined before it is ready. */
  get readySince(): number | undefined {
    return this.#readyTick;
  }

  /** Whether its boot succeeded: it is ready, waits as a spare, or has waited as one. */
  get booted(): boolean {
    return this.ready || this.#bootedTick !== undefined;
  }

  /** For how long it has been spawned, or has had its slot if it was a spare, milliseconds of the monotonic clock. */
  get lived(): number {
    return monotonic() - this.#launchedTick;
  }

  /** When its probation is over, milliseconds of `performance.now()`; undefined before it is ready. */
  get provenAt(): number | undefined {
    const { probation } = this.#standing;
    return this.#readyTick === undefined ? undefined : Math.max(this.#readyTick, this.#servingTick + probation);
  }

  /** For how long it has been ready, or has waited as a spare, milliseconds. */
  get served(): number {
    const since = this.#readyTick ?? this.#bootedTick;
    return since === undefined ? 0 : performance.now() - since;
  }

  /** @param since - when a part of it began to serve, milliseconds of `monotonic()`. */
  markReady(since?: number): void {
    this.#readyAt = Date.now();
    this.#readyTick = performance.now();
    this.#servingTick = this.#readyTick - (since === undefined ? 0 : Math.max(0, monotonic() - since));
  }

  /** It has booted, and waits as a spare. */
  markBooted(): void {
    this.#bootedTick ??= performance.now();
  }

  /** The spare takes a slot. */
  enter(id: number, standing: Standing): void {
    this.#id = id;
    this.#standing = standing;
    this.#launchedTick = monotonic();
  }
}
