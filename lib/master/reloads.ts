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
  /** A caller waits for the outcome, and learns of a failure by its promise. */
  awaited: boolean;
  outcome: ReloadResult | ArbiterError | undefined;
}

/**
 * The reloads that were asked for: the one that is under way, and at most one queued behind it. A caller that asks
 * while one is under way may have deployed after it began, so it needs another reload. A caller that asks while the
 * queued one has not begun is served by that one.
 */
export class Reloads {
  readonly #notifier: Notifier;
  /** The hold of SIGWINCH (a target of 0 that remembers the other one). To ask for a reload ends it. */
  readonly hold: Hold;
  /** The number of the latest generation: counts all reloads that were begun, including those that failed. */
  #generations = 1;
  #current: Reload | undefined;
  #queued: Reload | undefined;

  constructor(notifier: Notifier) {
    this.#notifier = notifier;
    this.hold = new Hold((what) => notifier.emit(what));
  }

  /** Returns the reload that begins after this moment, and queues it if it is not queued yet. Ends a hold. */
  ask(): Reload {
    this.hold.end();
    this.#queued ??= { awaited: false, outcome: undefined };
    return this.#queued;
  }

  /** Whether a queued reload is to begin. */
  get due(): boolean {
    return this.#current === undefined && this.#queued !== undefined;
  }

  /**
   * Begins the queued reload. If it cannot begin, returns the error: the caller is to pass that to {@link Reloads.end},
   * in a turn of its own.
   */
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

  /** Ends the current reload with this outcome, and emits the event for it. */
  end(outcome: NonNullable<Reload['outcome']>): void {
    const { awaited } = this.#current ?? { awaited: false };
    if (this.#current) this.#current.outcome = outcome;
    this.#current = undefined;
    if (!(outcome instanceof ArbiterError)) this.#notifier.emit('reloaded', outcome);
    else if (awaited || this.#notifier.listens('rollback')) this.#notifier.emit('rollback', outcome);
    else emitWarning(outcome);
  }
}

/** Whether a reload is over. Throws when a stop comes first. */
export function isOver({ outcome }: Reload, state: ArbiterState): boolean {
  if (outcome === undefined && state === 'stopping') throw refusal('reload', state);
  return outcome !== undefined;
}

/** The result of a reload that is over. Throws its error if it has failed. */
export function resultOf({ outcome }: Reload): ReloadResult {
  if (outcome instanceof ArbiterError) throw outcome;
  return outcome as ReloadResult;
}
