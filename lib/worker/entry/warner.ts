import { monotonic } from '../../monotonic.js';
import type { WarningCode, WarningMessage } from '../../protocol/warning.js';

/** What happens for each client must not fill the log. Milliseconds. */
const PAUSE = 60_000;

/** Says each code at once, and then once in a while, with how often it was meanwhile. Time is a parameter. */
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
