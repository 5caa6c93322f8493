/* What every wing needs and none owns. */
import { ArbiterError } from '../../errors.js';
import { isOf, messageOf } from '../../serialized-error.js';
import { workerName } from './names.js';

/** Signals that order a process to end: they must arrive. */
export const ENDS: ReadonlySet<NodeJS.Signals> = new Set(['SIGTERM', 'SIGQUIT', 'SIGABRT', 'SIGKILL']);

/** The error for a worker that such a signal did not reach. */
export function unsignalled(
  { id, pid }: { readonly id: number; readonly pid: number | undefined },
  cause: Error,
): ArbiterError {
  const message = `${workerName(id)} (pid ${pid}) could not be signalled, and will be again until it has ended: ${cause.message}`;
  return new ArbiterError('ERR_SYSTEM', message, { cause });
}

/** Any error that the master has met, as an error of this library. `doing` begins the message. */
export function asTrouble(doing: string, thrown: unknown): ArbiterError {
  if (isOf(thrown, ArbiterError)) return thrown;
  return new ArbiterError('ERR_SYSTEM', `${doing}: ${messageOf(thrown)}`, { cause: thrown });
}

/** After this time, the master tries again what a turn has left undone. Milliseconds. */
export const RETRY = 1_000;
/** The same error is reported again only after this time. Milliseconds. */
const QUIET = 60_000;

/**
 * Lets an error through unless one with the same message was let through a moment ago: what fails at each attempt would
 * flood the log.
 */
export class TroubleFilter {
  readonly #told = new Map<string, number>();

  /** Whether to report the error. */
  passes({ message }: Error, now: number): boolean {
    for (const [text, at] of this.#told) if (now - at >= QUIET) this.#told.delete(text);
    if (this.#told.has(message)) return false;
    this.#told.set(message, now);
    return true;
  }
}
