import { ArbiterError } from '../../errors.js';
import { isOf, messageOf } from '../../serialized-error.js';

/** Something that is to be undone, and how the message begins if that fails. */
export type Step = readonly [what: string, undo: () => unknown];

/** Where to report what could not be undone. */
export type OnError = (error: ArbiterError) => void;

/**
 * Undoes one step after the other. Each step is guarded by itself: what it throws, or rejects with, is reported, and
 * the next one is done all the same. Never rejects.
 */
export async function undoAll(steps: readonly Step[], onError: OnError): Promise<void> {
  for (const [what, undo] of steps) {
    try {
      await undo();
    } catch (cause) {
      onError(cleanupError(what, cause));
    }
  }
}

/** The same at once, for the last moments of a process: no promise is waited for. */
export function undoNow(steps: readonly Step[], onError: OnError): void {
  for (const [what, undo] of steps) {
    try {
      undo();
    } catch (cause) {
      onError(cleanupError(what, cause));
    }
  }
}

function cleanupError(what: string, cause: unknown): ArbiterError {
  if (isOf(cause, ArbiterError)) return cause;
  return new ArbiterError('ERR_CLEANUP', `${what}: ${messageOf(cause)}; all the rest was undone`, { cause });
}
