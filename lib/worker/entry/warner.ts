import { monotonic } from '../../monotonic.js';
import type { WarningCode, WarningMessage } from '../../protocol/warning.js';

/** How long a warning is not repeated, so that one that concerns every client does not fill the log. Milliseconds. */
const PAUSE = 60_000;

/**
 * Sends the first warning of each code at once. Later ones are sent at most once per {@link PAUSE}, with the number of
 * those that were left out. The clock is a parameter.
 */
export function createWarner(
  tell: (warning: WarningMessage) => void,
  thread: number | undefined,
  now: () => number = monotonic,
): (code: WarningCode, message: string) => void {
  const told = new Map<WarningCode, { at: number; repeated: number }>();
  return (code, message) => {
    const last = told.get(code);
    if (last !== undefined && now() - last.at < PAUSE) {
      last.repeated++;
      return;
    }
    const repeated = last?.repeated ?? 0;
    told.set(code, { at: now(), repeated: 0 });
    tell({
      type: 'warning',
      code,
      message,
      ...(repeated > 0 && { repeated }),
      ...(thread !== undefined && { thread }),
    });
  };
}
