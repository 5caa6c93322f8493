import { ArbiterError } from '../../errors.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { surgeOf } from '../../options/surge.js';
import { pace } from '../../pace.js';
import type { ReloadResult } from '../tell/events.js';
import { type Generation, newGeneration } from '../workers/generation.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { Rollout } from './rollout.js';

/** How long a worker of a new generation must be ready, and alive, before the old one of its slot drains. Milliseconds. */
const SOAK: number = pace('soak', 1_000);
/** For so much of that it leaves the clients to the old one: what dies by itself dies before it has any. Milliseconds. */
const REST: number = pace('rest', 500);

/** Which generation serves, and what becomes of the next one: it takes over all slots, or it fails, and the old one takes them back. */
export class Takeover {
  readonly #options: ResolvedOptions;
  /** The one that serves, and that a dead worker's replacement is of. */
  #generation: Generation;
  #rollout: Rollout<WorkerHandle> | undefined;
  /** Counts the takeovers of the slots, forth and back. */
  #term = 1;

  constructor(generation: Generation, options: ResolvedOptions) {
    this.#generation = generation;
    this.#options = options;
  }

  get generation(): Generation {
    return this.#generation;
  }

  /** The one that is under way. */
  get rollout(): Rollout<WorkerHandle> | undefined {
    return this.#rollout;
  }

  /** Of which generation spares are to be: the old one may want them until the new one has so many slots. */
  reserve(slots: number): Generation {
    const rollout = this.#rollout;
    return rollout && !rollout.failure && rollout.won >= slots ? rollout.wanted : this.#generation;
  }

  /** Begins to replace all workers by those of the generation of that number. Throws where it cannot be made. */
  begin(number: number, target: number): void {
    const next = newGeneration(number, this.#options);
    this.#term++;
    this.#rollout = new Rollout(this.#generation, next, surgeOf(this.#options.surge, target));
  }

  /** Nothing more comes of the one that is under way. */
  drop(): void {
    this.#rollout = undefined;
  }

  /** How it ended, once all slots are as they should be: with so many replaced, or by a failure. */
  end(...now: Parameters<Rollout<WorkerHandle>['progress']>): ReloadResult | ArbiterError | undefined {
    const rollout = this.#rollout;
    if (!rollout || rollout.progress(...now) === 'on') return undefined;
    this.#rollout = undefined;
    this.#generation = rollout.wanted;
    const { tickets } = rollout.unwanted;
    if (tickets !== this.#generation.tickets) tickets?.retire();
    return rollout.failure ?? { generation: this.#generation.number, replaced: rollout.won };
  }

  /** Whether a worker is one of those by which the new generation is tried. */
  tries(worker: WorkerHandle): boolean {
    return this.#rollout?.tries(worker, performance.now()) === true;
  }

  /** A worker that is not ready was lost, or a thread of it: if it has served, another one may be tried. */
  excuses(worker: WorkerHandle, served: boolean): boolean {
    return served && !worker.ready && this.tries(worker) && this.#rollout?.excuses(worker) === true;
  }

  /** A worker of the new generation has failed: all of those that stay go that are not proven, and the old ones stay. */
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

  /** The standing of a new worker: of which term it is, how long it is on probation, and how long it leaves the clients to the one before it. */
  standing(generation: Generation, isBeside: () => boolean): { term: number; probation: number; rest: number } {
    const probation = generation === this.#generation ? 0 : SOAK;
    const rest = probation > 0 && isBeside() ? REST : 0;
    const term = generation === (this.#rollout?.wanted ?? generation) ? this.#term : this.#term - 1;
    return { term, probation, rest };
  }
}
