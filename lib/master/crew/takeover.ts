import { ArbiterError } from '../../errors.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { surgeOf } from '../../options/surge.js';
import { pace } from '../../pace.js';
import type { ReloadResult } from '../tell/events.js';
import { type Generation, newGeneration } from '../workers/generation.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { Rollout } from './rollout.js';

/**
 * How long a worker of a new generation must be ready, and alive, to be proven: then the old worker of its slot drains.
 * Milliseconds.
 */
const SOAK: number = pace('soak', 1_000);
/**
 * For this part of that time the new worker leaves the clients to the old one, so that a release that dies by itself
 * does so before it has any. Milliseconds.
 */
const REST: number = pace('rest', 500);

/**
 * Which generation serves, and what becomes of the next one. The next one takes over all slots, or it fails and the old
 * one takes them back.
 */
export class Takeover {
  readonly #options: ResolvedOptions;
  /** The generation that serves. Replacements of dead workers are of it, unless a rollout decides. */
  #generation: Generation;
  #rollout: Rollout<WorkerHandle> | undefined;
  /**
   * Counts the takeovers of the slots, forth (a reload) and back (its failure). New workers of the generation that
   * takes over are of this term, those of the other one are of the term before.
   */
  #term = 1;

  constructor(generation: Generation, options: ResolvedOptions) {
    this.#generation = generation;
    this.#options = options;
  }

  get generation(): Generation {
    return this.#generation;
  }

  /** The rollout that is under way. */
  get rollout(): Rollout<WorkerHandle> | undefined {
    return this.#rollout;
  }

  /**
   * Of which generation spares are to be. Until the new generation has this many slots, it is the old one, which may
   * need them.
   */
  reserve(slots: number): Generation {
    const rollout = this.#rollout;
    return rollout && !rollout.failure && rollout.won >= slots ? rollout.wanted : this.#generation;
  }

  /** Begins to replace all workers by those of a new generation with that number. Throws if that cannot be made. */
  begin(number: number, target: number): void {
    const next = newGeneration(number, this.#options);
    this.#term++;
    this.#rollout = new Rollout(this.#generation, next, surgeOf(this.#options.surge, target));
  }

  /** Drops the rollout that is under way. */
  drop(): void {
    this.#rollout = undefined;
  }

  /** The result of the rollout, once all slots are as they should be: how many were replaced, or the failure. */
  end(...now: Parameters<Rollout<WorkerHandle>['progress']>): ReloadResult | ArbiterError | undefined {
    const rollout = this.#rollout;
    if (!rollout || rollout.progress(...now) === 'on') return undefined;
    this.#rollout = undefined;
    this.#generation = rollout.wanted;
    const { tickets } = rollout.unwanted;
    if (tickets !== this.#generation.tickets) tickets?.retire();
    return rollout.failure ?? { generation: this.#generation.number, replaced: rollout.won };
  }

  /** Whether a worker is on trial: of the new generation, and not proven yet. */
  tries(worker: WorkerHandle): boolean {
    return this.#rollout?.tries(worker, performance.now()) === true;
  }

  /**
   * A worker that was not ready, or a thread of it, was lost. Returns whether another one may be tried in its slot: it
   * was on trial, it had served, and this has not happened there too often.
   */
  excuse(worker: WorkerHandle, served: boolean): boolean {
    return served && !worker.ready && this.tries(worker) && this.#rollout?.excuse(worker) === true;
  }

  /**
   * A worker of the new generation has failed. Of the workers that stay, those of it that are not proven are ended; the
   * old generation stays and takes its slots back.
   */
  turnRound(cause: Error, staying: readonly WorkerHandle[]): void {
    const rollout = this.#rollout;
    if (!rollout || rollout.failure) return;
    const { number } = rollout.wanted;
    const message = `the reload to generation ${number} failed, and generation ${this.#generation.number} stays: ${cause.message}`;
    const now = performance.now();
    for (const other of staying) {
      if (rollout.tries(other, now) && !other.failure) other.end('reload', 'drain', this.#options.gracefulTimeout);
    }
    rollout.fail(new ArbiterError('ERR_RELOAD_FAILED', message, { cause }));
    this.#term++;
  }

  /**
   * The standing of a new worker: its term, how long it is on probation, and how long it leaves the clients to the
   * worker before it. Milliseconds.
   */
  standing(generation: Generation, isBeside: () => boolean): { term: number; probation: number; rest: number } {
    const probation = generation === this.#generation ? 0 : SOAK;
    const rest = probation > 0 && isBeside() ? REST : 0;
    const term = generation === (this.#rollout?.wanted ?? generation) ? this.#term : this.#term - 1;
    return { term, probation, rest };
  }
}
