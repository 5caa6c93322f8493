import { ArbiterError } from '../errors.js';
import { emitWarning } from '../log/process-warning.js';
import { messageOf } from '../serialized-error.js';
import type { Crew } from './crew/crew.js';
import { Hold } from './loop/hold.js';
import { type ArbiterState, refusal } from './loop/states.js';
import type { ReloadResult } from './tell/events.js';
import type { Notifier } from './tell/notify.js';

/** A reload that was asked for; any number of callers may wait for it. */
export interface Reload {
  /** Somebody learns of a failure by a promise. */
  awaited: boolean;
  outcome: ReloadResult | ArbiterError | undefined;
}

/**
 * The reloads that were asked for: the one that is under way, and at most one behind it. Who asks while one is under way
 * may have deployed after it began, so another one is needed; who asks when that one has not begun yet is served by it.
 */
export class Reloads {
  readonly #notifier: Notifier;
  /** What it may be that the next one ends. */
  readonly hold: Hold;
  /** Counts those that were begun, also those that failed. */
  #generations = 1;
  #current: Reload | undefined;
  #queued: Reload | undefined;

  constructor(notifier: Notifier) {
    this.#notifier = notifier;
    this.hold = new Hold((what) => notifier.emit(what));
  }

  /** The reload that begins after this moment; it ends a hold. */
  ask(): Reload {
    this.hold.end();
    this.#queued ??= { awaited: false, outcome: undefined };
    return this.#queued;
  }

  /** Whether one is to begin. */
  get due(): boolean {
    return this.#current === undefined && this.#queued !== undefined;
  }

  /** Begins the next one; returns why that cannot be done, if it cannot: then it is to be ended with that, in a turn of its own. */
  begin(crew: Crew, target: number): ArbiterError | undefined {
    this.#current = this.#queued;
    this.#queued = undefined;
    const number = ++this.#generations;
    this.#notifier.emit('reload', number);
    try {
      crew.rollOut(number, target);
      return undefined;
    } catch (cause) {
      const message = `the reload to generation ${number} cannot begin: ${messageOf(cause)}`;
      return new ArbiterError('ERR_RELOAD_FAILED', message, { cause });
    }
  }

  /** Tells everybody how it went. */
  end(outcome: NonNullable<Reload['outcome']>): void {
    const { awaited } = this.#current ?? { awaited: false };
    if (this.#current) this.#current.outcome = outcome;
    this.#current = undefined;
    if (!(outcome instanceof ArbiterError)) this.#notifier.emit('reloaded', outcome);
    else if (awaited || this.#notifier.listens('rollback')) this.#notifier.emit('rollback', outcome);
    else emitWarning(outcome);
  }
}

/** Whether a reload has come to its end; throws when a stop comes first. */
export function isOver({ outcome }: Reload, state: ArbiterState): boolean {
  if (outcome === undefined && state === 'stopping') throw refusal('reload', state);
  return outcome !== undefined;
}

/** What one that is over has come to; throws how it failed. */
export function resultOf({ outcome }: Reload): ReloadResult {
  if (outcome instanceof ArbiterError) throw outcome;
  return outcome as ReloadResult;
}
