import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { without } from '../insight/pending.js';

/**
 * Milliseconds: between two looks at the active resources; how long they must show nothing new; after how long the wait
 * is logged.
 */
const LOOK = 50;
const QUIET = 500;
const LONG = 2_000;
/** What the timer between two looks is called among the active resources. */
const OWN = 'Timeout';

type Call = (...args: unknown[]) => unknown;

/** A listener that does nothing: as long as SIGTERM has a listener, it does not end the process. */
function guard(): void {}

/**
 * From now on, SIGTERM calls `act` instead of the application's listeners. What they do, most of all `process.exit`,
 * has its time when the work is done; see {@link callTermHandlers}.
 *
 * For a signal, Node calls the `process.emit` that was in place when the first listener of the signal was added. So
 * `capture` is in place for that moment only. What the application emits by itself, SIGTERM included, goes to its
 * listeners as ever.
 */
export function captureTerm(act: () => void): void {
  const install = (): void => {
    const own = Object.getOwnPropertyDescriptor(process, 'emit');
    const emit = process.emit as (...args: unknown[]) => boolean;
    const capture = (event: string, ...args: unknown[]): boolean => {
      if (event !== 'SIGTERM') return emit.call(process, event, ...args);
      act();
      return true;
    };
    Object.defineProperty(process, 'emit', { value: capture, configurable: true, writable: true });
    process.on('SIGTERM', guard);
    if (own) Object.defineProperty(process, 'emit', own);
    else delete (process as Partial<typeof process>).emit;
  };
  install();
  // `removeAllListeners()` of the application also removes the guard. It comes back: the signal must not end the
  // process in the middle of its work.
  process.on('removeListener', (event, listener) => {
    if (event === 'SIGTERM' && listener === guard) install();
  });
}

/** The application's own listeners. A thread may have some too, though a signal never reaches it. */
function listeners(): Call[] {
  return process.rawListeners('SIGTERM').filter((listener) => listener !== guard) as Call[];
}

/**
 * Whether the application still listens. An application whose handler is done may remove its listeners and send itself
 * the signal again.
 */
export function hearsTerm(): boolean {
  return listeners().length > 0;
}

/**
 * Calls the application's listeners of SIGTERM, and resolves when they have done their work: when all promises that
 * they returned are settled. If a listener returned no promise, it also waits until for a while no resource is active
 * that was not before. A listener may also end the process. If listeners throw, this rejects with the first of their
 * errors, after all have been called.
 *
 * @param tell - called once, with a line for the log, if this takes long.
 */
export async function callTermHandlers(tell: (message: string) => void): Promise<void> {
  const all = listeners();
  if (all.length === 0) return;
  const before = process.getActiveResourcesInfo();
  const told = setTimeout(() => tell(waitText(silent ? [...before, OWN] : before)), LONG).unref();
  let silent = false;
  const call = async (listener: Call): Promise<unknown> => {
    const result = listener.call(process, 'SIGTERM', constants.signals.SIGTERM);
    if (typeof (result as { then?: unknown } | undefined)?.then !== 'function') silent = true;
    return result;
  };
  const ended = await Promise.allSettled(all.map(call));
  const failed = ended.find((end) => end.status === 'rejected');
  if (!failed && silent) await quiet(before);
  clearTimeout(told);
  if (failed) throw failed.reason;
}

function waitText(before: readonly string[]): string {
  const kinds = [...new Set(without(process.getActiveResourcesInfo(), before))];
  const what = kinds.length > 0 ? `, under way since: ${kinds.join(', ')}` : '';
  return `its requests are over, and it waits until the application's listeners of SIGTERM have done their work${what}`;
}

async function quiet(before: readonly string[]): Promise<void> {
  for (let rest = QUIET; rest > 0; ) {
    await delay(LOOK);
    rest = without(process.getActiveResourcesInfo(), before).length > 0 ? QUIET : rest - LOOK;
  }
}
