import { monotonic } from '../../monotonic.js';

/** What the master thinks of a worker, and it does not know. */
export interface Standing {
  /** In a slot, one of a later term takes over from one of an earlier. */
  readonly term: number;
  /** How long it must have been ready until it may take another's place, milliseconds. */
  readonly probation: number;
}

/** The slot of a worker, and since when it has been what. */
export class Tenure {
  /** 0 of a spare. */
  #id: number;
  #standing: Standing;
  readonly spawnedAt: number = Date.now();
  /** When it was launched, or has got its slot, on the clock by which its boot is limited. */
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

  /** The stable slot, 1..n; 0 of a spare, until it takes one. */
  get id(): number {
    return this.#id;
  }

  /** See the roster. */
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

  get readySince(): number | undefined {
    return this.#readyTick;
  }

  /** Whether its boot was a success: it is ready, or waits as a spare, or has waited as one. */
  get booted(): boolean {
    return this.ready || this.#bootedTick !== undefined;
  }

  /** How long it has been spawned, or had its slot, milliseconds of the monotonic clock. */
  get lived(): number {
    return monotonic() - this.#launchedTick;
  }

  get provenAt(): number | undefined {
    const { probation } = this.#standing;
    return this.#readyTick === undefined ? undefined : Math.max(this.#readyTick, this.#servingTick + probation);
  }

  /** How long it has been ready, or has waited as a spare, milliseconds. */
  get served(): number {
    const since = this.#readyTick ?? this.#bootedTick;
    return since === undefined ? 0 : performance.now() - since;
  }

  /** @param since - when it began to serve in part, of `monotonic()`. */
  markReady(since?: number): void {
    this.#readyAt = Date.now();
    this.#readyTick = performance.now();
    this.#servingTick = this.#readyTick - (since === undefined ? 0 : Math.max(0, monotonic() - since));
  }

  /** It waits as a spare. */
  markBooted(): void {
    this.#bootedTick ??= performance.now();
  }

  /** It is a spare no more. */
  enter(id: number, standing: Standing): void {
    this.#id = id;
    this.#standing = standing;
    this.#launchedTick = monotonic();
  }
}
