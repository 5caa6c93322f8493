import { ArbiterError } from '../../errors.js';

/** Something that is to be undone, and what a message calls that. */
export type Step = readonly [what: string, undo: () => unknown];

/** Where to report what could not be undone. */
export type OnError = (error: ArbiterError) => void;

/**
 * Undoes one thing after the other. Each step is guarded by itself: what one throws, or rejects with, is reported, and the next one is
 * done all the same. Never rejects.
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

/** The same at once, for the last moments of a process: nothing is waited for. */
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
  if (cause instanceof ArbiterError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ArbiterError('ERR_CLEANUP', `${what}: ${why}; all the rest was undone`, { cause });
}
